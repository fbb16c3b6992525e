package relay

import (
	"hash/fnv"
	"slices"
	"strings"
)

// Assignment is a setting of a session that the server does not report: how to make it, and how to undo it.
type Assignment struct {
	Name string // in lower case; empty when there is none
	Set  string // the statement that makes it; empty undoes it
	Undo string // the statement that undoes it
	All  bool   // RESET ALL: undoes all

	local bool        // for the transaction only
	value string      // of a start-up parameter
	next  *Assignment // made by the same text after this one
}

// Settings are a client's assignments in the order in which they were made, one for each name. They are immutable; nil has none.
type Settings struct {
	list []Assignment
	hash uint64 // of all
	plan uint64 // of those that planning depends on
}

// Settings with one more assignment made or undone.
func (s *Settings) with(a Assignment) *Settings {
	list := slices.Clone(s.all())
	list = slices.DeleteFunc(list, func(b Assignment) bool {
		return b.Name == a.Name || a.All && b.Name != "role" && b.Name != "session authorization"
	})
	if a.Set != "" {
		list = append(list, a)
	}
	return newSettings(list)
}

// and returns the settings with those of another added that they lack.
func (s *Settings) and(o *Settings) *Settings {
	list := slices.Clone(s.all())
	for _, a := range o.all() {
		if s.named(a.Name).Set == "" {
			list = append(list, a)
		}
	}
	return newSettings(list)
}

func newSettings(list []Assignment) *Settings {
	if len(list) == 0 {
		return nil
	}
	all, plan := fnv.New64a(), fnv.New64a()
	for _, a := range list {
		_, _ = all.Write([]byte(a.Set))
		_, _ = all.Write([]byte{0})
		if planned(a.Name) {
			_, _ = plan.Write([]byte(a.Set))
			_, _ = plan.Write([]byte{0})
		}
	}
	return &Settings{list: list, hash: all.Sum64(), plan: plan.Sum64()}
}

// named returns the assignment of a name, and one that undoes it when there is none.
func (s *Settings) named(name string) Assignment {
	for _, a := range s.all() {
		if a.Name == name {
			return a
		}
	}
	return Assignment{Name: name}
}

func (s *Settings) has(a Assignment) bool { return slices.Contains(s.all(), a) }

// planning is a fingerprint of the settings that the meaning or the plan of a statement depends on.
func (s *Settings) planning() uint64 {
	if s == nil {
		return fnvOffset
	}
	return s.plan
}

// fnvOffset is the hash of nothing.
const fnvOffset = 14695981039346656037

func (s *Settings) equal(o *Settings) bool {
	return s == o || s != nil && o != nil && s.hash == o.hash && slices.Equal(s.list, o.list)
}

func (s *Settings) all() []Assignment {
	if s == nil {
		return nil
	}
	return s.list
}

// unplanned are settings that change neither what a statement means nor how it is planned. So do all with a dot in their name:
// they belong to applications.
var unplanned = []string{ //nolint:gochecknoglobals // a table
	"application_name", "bytea_output", "client_min_messages", "deadlock_timeout", "default_transaction_deferrable",
	"default_transaction_isolation", "default_transaction_read_only", "extra_float_digits", "idle_in_transaction_session_timeout",
	"idle_session_timeout", "lock_timeout", "log_duration", "log_min_duration_statement", "log_statement",
	"statement_timeout", "synchronous_commit", "tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval",
	"tcp_user_timeout", "transaction_timeout",
}

// planned reports whether the meaning or the plan of a statement depends on a setting.
func planned(name string) bool {
	return !strings.Contains(name, ".") && !slices.Contains(unplanned, name)
}

// parsed are settings that decide what a text means when it is parsed; constants are computed then.
var parsed = []string{ //nolint:gochecknoglobals // a table
	"", "array_nulls", "backslash_quote", "client_encoding", "datestyle", "intervalstyle", "lc_monetary", "lc_numeric", "lc_time",
	"standard_conforming_strings", "timezone", "timezone_abbreviations", "transform_null_equals", "xmloption",
}

// parsing reports whether a statement that is parsed after a SET may mean something else than before it. PostgreSQL itself
// heeds search_path and role at each use; so it is enough to mind those that outlast the transaction.
func parsing(name string, local bool) bool {
	return slices.Contains(parsed, name) || !local && (name == "search_path" || name == "role" || name == "session authorization")
}

// FromParam returns the assignment of a start-up parameter, whose value is written as in postgresql.conf.
func FromParam(name, value string) Assignment {
	name = strings.ToLower(name)
	return Assignment{Name: name, Set: setConfig(name, value), Undo: "RESET " + quoteName(name), value: value}
}

func setConfig(name, value string) string {
	return "SELECT pg_catalog.set_config(" + quoteText(name) + ", " + quoteText(value) + ", false)"
}

// quoteText makes a string constant that means the same whatever standard_conforming_strings is.
func quoteText(s string) string {
	q := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(q, `\`) {
		return " E" + strings.ReplaceAll(q, `\`, `\\`)
	}
	return q
}

// quoteName quotes the parts of a parameter's name.
func quoteName(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}
