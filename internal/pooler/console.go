package pooler

import "context"

// console reports whether a database is the pooler's own.
func console(database string) bool { return database == "pgbouncer" || database == "holdfast" }

// console serves a client of the pooler's own database until it leaves.
func (l *login) console(context.Context, identity) error {
	return fatal("3D000", "the console is not there yet", "")
}
