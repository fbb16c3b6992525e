package pgwire

import (
	"fmt"
	"strings"
)

// splitOptions cuts a command line at white space. A backslash takes the byte behind it as it is; one at the very end
// stands for nothing.
func splitOptions(options string) []string {
	var args []string
	for at := 0; ; {
		for at < len(options) && isSpace(options[at]) {
			at++
		}
		if at == len(options) {
			return args
		}
		var arg strings.Builder
		for ; at < len(options) && !isSpace(options[at]); at++ {
			if options[at] == '\\' {
				if at++; at == len(options) {
					break
				}
			}
			arg.WriteByte(options[at])
		}
		args = append(args, arg.String())
	}
}

// isSpace is C's isspace in the locale "C".
func isSpace(b byte) bool { return b == ' ' || b >= '\t' && b <= '\r' }

// takesValue reports whether the switch stands before a value: "-S 4MB".
func takesValue(letter byte) bool { return strings.IndexByte("-cfStW", letter) >= 0 }

// takesNothing reports whether the switch stands alone. Those that do nothing in a session are taken, as PostgreSQL does.
func takesNothing(letter byte) bool { return strings.IndexByte("CEFOPTejns", letter) >= 0 }

// switchParam returns the setting that a switch stands for; without a name if it stands for none.
func switchParam(letter byte, value string) (Param, error) {
	switch letter {
	case '-', 'c':
		return longParam(letter, value)
	case 'e':
		return Param{"datestyle", "euro"}, nil
	case 'F':
		return Param{"fsync", "false"}, nil
	case 'f':
		return planParam(value)
	case 'O':
		return Param{"allow_system_table_mods", "true"}, nil
	case 'P':
		return Param{"ignore_system_indexes", "true"}, nil
	case 'S':
		return Param{"work_mem", value}, nil
	case 's':
		return Param{"log_statement_stats", "true"}, nil
	case 't':
		return statsParam(value)
	case 'W':
		return Param{"post_auth_delay", value}, nil
	}
	return Param{}, nil
}

func longParam(letter byte, text string) (Param, error) {
	name, value, found := strings.Cut(text, "=")
	if found {
		return Param{Name: strings.ReplaceAll(name, "-", "_"), Value: value}, nil
	}
	if letter == '-' {
		return Param{}, syntaxError("--%s requires a value", text)
	}
	return Param{}, syntaxError("-c %s requires a value", text)
}

// planParam reads the value of -f, which forbids a kind of plan: its first letter counts.
func planParam(value string) (Param, error) {
	names := map[byte]string{
		's': "enable_seqscan", 'i': "enable_indexscan", 'o': "enable_indexonlyscan", 'b': "enable_bitmapscan",
		't': "enable_tidscan", 'n': "enable_nestloop", 'm': "enable_mergejoin", 'h': "enable_hashjoin",
	}
	if value != "" && names[value[0]] != "" {
		return Param{names[value[0]], "false"}, nil
	}
	return Param{}, badSwitch(value)
}

// statsParam reads the value of -t: parser, planner or executor, by their first letters.
func statsParam(value string) (Param, error) {
	for prefix, name := range map[string]string{"pa": "parser", "pl": "planner", "e": "executor"} {
		if strings.HasPrefix(value, prefix) {
			return Param{"log_" + name + "_stats", "true"}, nil
		}
	}
	return Param{}, badSwitch(value)
}

func badSwitch(arg string) error {
	return syntaxError("invalid command-line argument for server process: %s", arg)
}

func syntaxError(format string, args ...any) error {
	return &ProtocolError{Code: "42601", Reason: fmt.Sprintf(format, args...)}
}
