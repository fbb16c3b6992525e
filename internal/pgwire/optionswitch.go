package pgwire

import (
	"strconv"
	"strings"
)

// An optionSwitch is a letter of postgres's command line, see the manual's page "postgres".
type optionSwitch struct {
	letter     byte
	takesValue bool
	name       string // the setting; empty if it sets none in a session, or take has to look at the value
	value      string // of a switch without one
}

// findSwitch returns the switch of a letter.
func findSwitch(letter byte) (optionSwitch, bool) {
	for _, s := range [...]optionSwitch{
		{'-', true, "", ""},
		{'B', true, "shared_buffers", ""},
		{'C', true, "", ""},
		{'D', true, "", ""},
		{'E', false, "", ""},
		{'F', false, "fsync", "false"},
		{'N', true, "max_connections", ""},
		{'O', false, "allow_system_table_mods", "true"},
		{'P', false, "ignore_system_indexes", "true"},
		{'S', true, "work_mem", ""},
		{'T', false, "", ""},
		{'W', true, "post_auth_delay", ""},
		{'b', false, "", ""},
		{'c', true, "", ""},
		{'d', true, "", ""},
		{'e', false, "datestyle", "euro"},
		{'f', true, "", ""},
		{'h', true, "listen_addresses", ""},
		{'i', false, "listen_addresses", "*"},
		{'j', false, "", ""},
		{'k', true, "unix_socket_directories", ""},
		{'l', false, "ssl", "true"},
		{'n', false, "", ""},
		{'p', true, "port", ""},
		{'r', true, "", ""},
		{'s', false, "log_statement_stats", "true"},
		{'t', true, "", ""},
		{'v', true, "", ""},
	} {
		if s.letter == letter {
			return s, true
		}
	}
	return optionSwitch{}, false
}

// debug reads the level of -d: how much the server writes into its log.
func (o *optionReader) debug(value string) {
	level := leadingInt(value)
	if level <= 0 {
		o.set("log_min_messages", "notice")
		return
	}
	o.set("log_min_messages", "debug"+strconv.Itoa(level))
	for i, p := range [...]Param{
		{"log_statement", "all"}, {"debug_print_parse", "true"}, {"debug_print_plan", "true"}, {"debug_print_rewritten", "true"},
	} {
		if level >= i+2 {
			o.set(p.Name, p.Value)
		}
	}
}

// leadingInt is C's atoi for what fits into an int.
func leadingInt(s string) int {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(s[:end], 10, 32)
	return int(n)
}

// forbidPlan reads the value of -f: a kind of plan that is not to be used.
func (o *optionReader) forbidPlan(value string) error {
	if value != "" {
		for _, name := range [...]string{
			"seqscan", "indexscan", "tidscan", "nestloop", "mergejoin", "hashjoin",
		} {
			if name[0] == value[0] {
				o.set("enable_"+name, "false")
				return nil
			}
		}
		switch value[0] {
		case 'o':
			o.set("enable_indexonlyscan", "false")
			return nil
		case 'b':
			o.set("enable_bitmapscan", "false")
			return nil
		}
	}
	return badArgument("-f" + value)
}

// showStats reads the value of -t: a part of the server whose times are to be logged.
func (o *optionReader) showStats(value string) error {
	for _, part := range [...]struct{ prefix, name string }{{"pa", "parser"}, {"pl", "planner"}, {"e", "executor"}} {
		if strings.HasPrefix(value, part.prefix) {
			o.set("log_"+part.name+"_stats", "true")
			return nil
		}
	}
	return badArgument("-t" + value)
}
