package rolelimit

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Limit is what a role is to have.
type Limit struct {
	Role, Database string
	Settings       []Setting
	Connections    int // 0: no limit
}

// Setting is a setting of PostgreSQL with its value.
type Setting struct{ Name, Value string }

// Set adds a time limit; 0 adds none.
func (l *Limit) Set(name string, d time.Duration) {
	if d > 0 {
		l.Settings = append(l.Settings, Setting{name, strconv.FormatInt(d.Milliseconds(), 10) + "ms"})
	}
}

// Words says what the role is to have, one by one.
func (l Limit) Words() []string {
	var all []string
	for _, m := range marks([]Limit{l}) {
		all = append(all, m.name+" = "+m.value)
	}
	return all
}

// Trouble is a statement that has to be executed by somebody else.
type Trouble struct {
	Role      string
	Statement string
	Err       error
}

// connectionLimit is the name of CONNECTION LIMIT among the settings.
const connectionLimit = "connection limit"

// mark is one property of a role: what it is to be, or what was recorded about it.
type mark struct {
	role, database, name string
	value                string
	before               *string
}

// key tells properties apart.
func (m mark) key() [3]string { return [3]string{m.role, m.database, m.name} }

// marks lists the properties that limits ask for.
func marks(limits []Limit) []mark {
	var all []mark
	for _, l := range limits {
		for _, s := range l.Settings {
			all = append(all, mark{role: l.Role, database: l.Database, name: s.Name, value: s.Value})
		}
		if l.Connections > 0 {
			all = append(all, mark{role: l.Role, name: connectionLimit, value: strconv.Itoa(l.Connections)})
		}
	}
	return all
}

// Statement returns what gives the property a value; nil takes it away.
func (m mark) statement(value *string) string {
	role := pgx.Identifier{m.role}.Sanitize()
	if m.name == connectionLimit {
		limit := "-1"
		if value != nil {
			limit = *value
		}
		return "ALTER ROLE " + role + " CONNECTION LIMIT " + limit
	}
	at := "ALTER ROLE " + role + " IN DATABASE " + pgx.Identifier{m.database}.Sanitize()
	if value == nil {
		return at + " RESET " + m.name
	}
	return at + " SET " + m.name + " = '" + strings.ReplaceAll(*value, "'", "''") + "'"
}

// Database holds the marks; *postgres.DB is one.
type Database interface {
	Transactor
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Migrate(ctx context.Context, component string, migrations fs.FS) error
	Schema() string
}

// Transactor runs a function in a transaction.
type Transactor interface {
	InTx(ctx context.Context, f func(tx pgx.Tx) error) error
}

// Admin opens the same database as somebody who may change roles.
type Admin func(ctx context.Context) (db Transactor, done func(), err error)

// Apply gives roles their limits, and takes back those of earlier calls that are not wanted any more. Where nothing was ever set nothing
// is made, and nobody is asked for.
func Apply(ctx context.Context, db Database, open Admin, want []Limit) ([]Trouble, error) {
	table := db.Schema() + ".role_limits"
	if len(want) > 0 {
		files, err := fs.Sub(migrations, "migrations")
		if err != nil {
			return nil, err
		}
		if err := db.Migrate(ctx, "rolelimit", files); err != nil {
			return nil, err
		}
	} else {
		var there bool
		if err := db.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&there); err != nil || !there {
			return nil, err
		}
	}
	admin, done, err := open(ctx)
	if err != nil {
		return nil, fmt.Errorf("limit roles: %w", err)
	}
	defer done()
	var r *run
	err = admin.InTx(ctx, func(tx pgx.Tx) error {
		r = &run{tx: tx, table: table}
		return r.apply(ctx, marks(want))
	})
	if err != nil {
		return nil, fmt.Errorf("limit roles: %w", err)
	}
	return r.troubles, nil
}

// run is one call of Apply.
type run struct {
	tx       pgx.Tx
	table    string
	troubles []Trouble
}

func (r *run) apply(ctx context.Context, want []mark) error {
	if _, err := r.tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", r.table); err != nil {
		return err
	}
	known, err := r.known(ctx)
	if err != nil {
		return err
	}
	wanted := map[[3]string]bool{}
	for _, m := range want {
		wanted[m.key()] = true
	}
	for _, m := range known {
		if !wanted[m.key()] {
			if err := r.takeBack(ctx, m); err != nil {
				return err
			}
		}
	}
	for _, m := range want {
		i := slices.IndexFunc(known, func(k mark) bool { return k.key() == m.key() })
		if i >= 0 {
			m.before = known[i].before
		}
		if err := r.give(ctx, m, i >= 0); err != nil {
			return err
		}
	}
	return nil
}

// known returns what earlier runs set.
func (r *run) known(ctx context.Context) ([]mark, error) {
	rows, err := r.tx.Query(ctx, "SELECT role, database, name, value, before FROM "+r.table+" ORDER BY role, database, name")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m mark, err error) {
		err = row.Scan(&m.role, &m.database, &m.name, &m.value, &m.before)
		return m, err
	})
}

// give sets a property that is not as wanted. Ours says that it was set by an earlier run.
func (r *run) give(ctx context.Context, m mark, ours bool) error {
	now, err := r.current(ctx, m)
	if err != nil {
		return err
	}
	if !now.role {
		r.troubles = append(r.troubles, Trouble{m.role, m.statement(&m.value), fmt.Errorf("there is no role %q", m.role)})
		return nil
	}
	if now.value != nil && same(*now.value, m.value) {
		return nil
	}
	if !ours {
		m.before = now.value
	}
	return r.try(ctx, m, &m.value, "INSERT INTO "+r.table+" (role, database, name, value, before) VALUES ($1, $2, $3, $4, $5)"+
		" ON CONFLICT (role, database, name) DO UPDATE SET value = excluded.value", m.role, m.database, m.name, m.value, m.before)
}

// takeBack restores what was before, unless somebody changed it since.
func (r *run) takeBack(ctx context.Context, m mark) error {
	now, err := r.current(ctx, m)
	if err != nil {
		return err
	}
	forget := "DELETE FROM " + r.table + " WHERE role = $1 AND database = $2 AND name = $3"
	if !now.role || now.value == nil || !same(*now.value, m.value) {
		_, err := r.tx.Exec(ctx, forget, m.role, m.database, m.name)
		return err
	}
	return r.try(ctx, m, m.before, forget, m.role, m.database, m.name)
}

// try executes a statement about a role and keeps the record of it, both or none. What is refused is a trouble.
func (r *run) try(ctx context.Context, m mark, value *string, record string, args ...any) error {
	statement := m.statement(value)
	inner, err := r.tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	if _, err := inner.Exec(ctx, statement); err != nil {
		r.troubles = append(r.troubles, Trouble{m.role, statement, err})
		return inner.Rollback(ctx)
	}
	if _, err := inner.Exec(ctx, record, args...); err != nil {
		return err
	}
	return inner.Commit(ctx)
}

// state is a property as the server has it.
type state struct {
	role  bool    // there is such a role
	value *string // nil: nothing is set
}

const ask = `
SELECT r.rolconnlimit,
       (SELECT array_to_string(s.setconfig, E'\n')
          FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
         WHERE s.setrole = r.oid AND d.datname = $2)
  FROM pg_catalog.pg_roles r WHERE r.rolname = $1`

func (r *run) current(ctx context.Context, m mark) (state, error) {
	var (
		connections int
		settings    *string
	)
	err := r.tx.QueryRow(ctx, ask, m.role, m.database).Scan(&connections, &settings)
	if errors.Is(err, pgx.ErrNoRows) {
		return state{}, nil
	}
	s := state{role: true}
	if m.name == connectionLimit {
		if connections >= 0 {
			text := strconv.Itoa(connections)
			s.value = &text
		}
		return s, err
	}
	if settings != nil {
		for line := range strings.SplitSeq(*settings, "\n") {
			if value, ok := strings.CutPrefix(line, m.name+"="); ok {
				s.value = &value
			}
		}
	}
	return s, err
}

// same compares values; times may be written in different units.
func same(a, b string) bool {
	x, knownX := milliseconds(a)
	y, knownY := milliseconds(b)
	return a == b || knownX && knownY && x == y
}

// milliseconds reads a time as PostgreSQL writes it: without a unit it is milliseconds.
func milliseconds(text string) (int64, bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	unit, known := map[string]int64{"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}[cmp.Or(strings.TrimSpace(text[end:]), "ms")]
	return n * unit, err == nil && known
}
