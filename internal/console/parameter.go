package console

import (
	"context"
	"slices"
	"strings"

	"holdfast/internal/pgwire"
)

// parameter is one of PostgreSQL's run-time parameters, as drivers set them and ask for them when they connect. On the
// console they mean nothing.
type parameter struct {
	name     string // lower case
	reported string // as ParameterStatus names it; empty when the client is not told about changes
	value    string // at the beginning
	fixed    bool   // cannot be set
}

// serverVersion is what drivers take the console for: a version that they all support.
const serverVersion = "15.0"

func parametersOfSessions() []parameter {
	return []parameter{
		{name: "application_name", reported: "application_name"},
		{name: "client_encoding", reported: "client_encoding", value: "UTF8"},
		{name: "datestyle", reported: "DateStyle", value: "ISO, MDY"},
		{name: "default_transaction_read_only", reported: "default_transaction_read_only", value: "off"},
		{name: "in_hot_standby", reported: "in_hot_standby", value: "off", fixed: true},
		{name: "integer_datetimes", reported: "integer_datetimes", value: "on", fixed: true},
		{name: "intervalstyle", reported: "IntervalStyle", value: "postgres"},
		{name: "is_superuser", reported: "is_superuser", value: "off", fixed: true},
		{name: "server_encoding", reported: "server_encoding", value: "UTF8", fixed: true},
		{name: "server_version", reported: "server_version", value: serverVersion + " (Holdfast/bouncer)", fixed: true},
		{name: "session_authorization", reported: "session_authorization", fixed: true},
		{name: "standard_conforming_strings", reported: "standard_conforming_strings", value: "on", fixed: true},
		{name: "timezone", reported: "TimeZone", value: "UTC"},
		{name: "bytea_output", value: "hex"},
		{name: "client_min_messages", value: "notice"},
		{name: "default_transaction_deferrable", value: "off"},
		{name: "default_transaction_isolation", value: "read committed"},
		{name: "extra_float_digits", value: "1"},
		{name: "idle_in_transaction_session_timeout", value: "0"},
		{name: "lc_messages", value: "C"},
		{name: "lock_timeout", value: "0"},
		{name: "max_identifier_length", value: "63", fixed: true},
		{name: "search_path", value: `"$user", public`},
		{name: "server_version_num", value: "150000", fixed: true},
		{name: "statement_timeout", value: "0"},
		{name: "transaction_isolation", value: "read committed"},
		{name: "transaction_read_only", value: "off"},
	}
}

func findParameter(name string) (parameter, bool) {
	all := parametersOfSessions()
	i := slices.IndexFunc(all, func(p parameter) bool { return p.name == strings.ToLower(name) })
	if i < 0 {
		return parameter{}, false
	}
	return all[i], true
}

func isParameter(name string) bool {
	_, ok := findParameter(name)
	return ok
}

// current returns the value that a parameter has in this session.
func (s *Session) current(p parameter) string {
	if value, ok := s.set[p.name]; ok {
		return value
	}
	if p.name == "session_authorization" {
		return s.id.User
	}
	if p.name == "is_superuser" && s.id.Admin {
		return "on" // as PgBouncer says; psql shows it in its prompt
	}
	return p.value
}

// Params returns what the client is told in ParameterStatus messages when it has logged in.
func (s *Session) Params() []pgwire.Param {
	var out []pgwire.Param
	for _, p := range parametersOfSessions() {
		if p.reported != "" {
			out = append(out, pgwire.Param{Name: p.reported, Value: s.current(p)})
		}
	}
	return out
}

// showParameter returns the command SHOW name for a parameter of the session.
func showParameter(name string) (command, bool) {
	switch name {
	case "transaction isolation level":
		name = "transaction_isolation"
	case "time zone":
		name = "timezone"
	case "session authorization":
		name = "session_authorization"
	}
	p, ok := findParameter(name)
	if !ok {
		return command{}, false
	}
	head := p.reported
	if head == "" {
		head = p.name
	}
	return command{
		tag: "SHOW", open: true, fields: []field{{head, textKind}},
		run: func(_ context.Context, s *Session, _ []string) (outcome, error) {
			return outcome{rows: [][]cell{{{text: s.current(p)}}}}, nil
		},
	}, true
}

// setParameter returns the command that sets a parameter of the session. The name is one of parametersOfSessions.
func setParameter(name string, arg argument) command {
	return command{tag: "SET", open: true, run: func(_ context.Context, s *Session, params []string) (outcome, error) {
		p, _ := findParameter(name)
		value := arg.value(params)
		if strings.EqualFold(value, "default") {
			value = p.value
		}
		switch {
		case p.fixed && value != s.current(p):
			return outcome{}, refuse("55P02", "parameter %q cannot be changed on the console", name)
		case name == "client_encoding" && !slices.Contains([]string{"UTF8", "UTF-8", "UNICODE"}, strings.ToUpper(value)):
			return outcome{}, refuse(stateNotSupported, "the console speaks UTF8 only")
		case name == "client_encoding":
			value = "UTF8"
		}
		s.set[name] = value
		if p.reported == "" {
			return outcome{}, nil
		}
		return outcome{changed: []pgwire.Param{{Name: p.reported, Value: value}}}, nil
	}}
}

// resetParameters returns to the values at the beginning.
func (s *Session) resetParameters() []pgwire.Param {
	var out []pgwire.Param
	for _, p := range parametersOfSessions() {
		if _, ok := s.set[p.name]; ok && p.reported != "" {
			out = append(out, pgwire.Param{Name: p.reported, Value: p.value})
		}
	}
	clear(s.set)
	return out
}
