package pgwire

import (
	"fmt"
	"strings"
)

// ParseOptions reads the start-up parameter "options": a command line for the server process, as libpq's PGOPTIONS has
// it. It is split at white space, which a backslash protects, and read by the rules of getopt: "-c name=value",
// "-cname=value", "--name=value", and the short switches that stand for settings, of which several may share a dash. In
// names '-' means '_', in every form. The settings come in the order in which the server sets them; whether they exist
// and may be set is the server's question.
//
// What PostgreSQL cannot read is a *ProtocolError with its SQLSTATE: 42601, or 42704 for a name that is empty.
func ParseOptions(options string) ([]Param, error) {
	o := optionReader{args: splitOptions(options)}
	for len(o.args) > 0 {
		arg := o.args[0]
		o.args = o.args[1:]
		if arg == "--" && len(o.args) == 0 {
			break
		}
		if arg == "--" || len(arg) < 2 || arg[0] != '-' {
			return nil, badArgument(arg)
		}
		if err := o.cluster(arg[1:]); err != nil {
			return nil, err
		}
	}
	return o.params, nil
}

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

// An optionReader does what getopt does.
type optionReader struct {
	args   []string // not yet read
	params []Param
}

// cluster reads an argument without its dash: switches that take no value, then at most one that does, whose value is
// the rest of the argument or else the next one.
func (o *optionReader) cluster(letters string) error {
	for at := range len(letters) {
		s, known := findSwitch(letters[at])
		if !known {
			return badArgument("-" + letters)
		}
		if !s.takesValue {
			o.set(s.name, s.value)
			continue
		}
		value := letters[at+1:]
		if value == "" {
			if len(o.args) == 0 {
				return badArgument("-" + letters)
			}
			value, o.args = o.args[0], o.args[1:]
		}
		return o.take(s, value)
	}
	return nil
}

func (o *optionReader) take(s optionSwitch, value string) error {
	switch s.letter {
	case 'c', '-':
		name, setting, found := strings.Cut(value, "=")
		if !found {
			return requiresValue(s.letter, name)
		}
		if name == "" {
			return &ProtocolError{Code: "42704", Reason: `unrecognized configuration parameter ""`}
		}
		o.set(strings.ReplaceAll(name, "-", "_"), setting)
	case 'd':
		o.debug(value)
	case 'f':
		return o.forbidPlan(value)
	case 't':
		return o.showStats(value)
	default:
		o.set(s.name, value)
	}
	return nil
}

func (o *optionReader) set(name, value string) {
	if name != "" {
		o.params = append(o.params, Param{Name: name, Value: value})
	}
}

func requiresValue(letter byte, name string) error {
	if letter == '-' {
		return optionError("--%s requires a value", name)
	}
	return optionError("-c %s requires a value", name)
}

func badArgument(arg string) error {
	return optionError("invalid command-line argument for server process: %s", arg)
}

func optionError(format string, args ...any) error {
	return &ProtocolError{Code: "42601", Reason: fmt.Sprintf(format, args...)}
}
