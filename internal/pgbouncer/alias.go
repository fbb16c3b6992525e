package pgbouncer

import "strings"

// Alias is a name of PgBouncer's that means the same as one of ours.
type Alias struct {
	Name string // PgBouncer's
	Key  string // ours, a dotted path from the root: "database.options.pool.max_size"
	// Each is set when Key stands in an array of tables (database.endpoints.mode): the value is for all of them.
	Each bool
	// Fine is set when PgBouncer writes this time in milliseconds; it writes others in seconds.
	Fine bool
	// Convert turns a value as PgBouncer writes it into ours: "300" into "5m". It is a string, an int64, a bool or a []string.
	// It refuses what cannot be, and what means something that Holdfast does not have.
	Convert func(value string) (any, error)
}

// Aliases returns the names of settings that mean the same in both, so that people may go on writing those that they know.
func Aliases() []Alias {
	var out []Alias
	for _, s := range globalSettings() {
		if s.as == nil || s.table == nowhere || s.table == inLimits {
			continue // not one setting but several, or one that belongs to a class
		}
		out = append(out, Alias{
			Name: s.name, Key: strings.Join(append(s.table.path(""), s.key), "."), Each: s.table == inEndpoints, Fine: s.fine, Convert: s.convert,
		})
	}
	return append(out,
		Alias{Name: "auth_file", Key: strings.Join(append(inAuth.path(""), keyAuthFile), "."), Convert: asText},
		Alias{Name: "auth_query", Key: strings.Join(append(inAuth.path(""), keyAuthQuery), "."), Convert: asText},
	)
}
