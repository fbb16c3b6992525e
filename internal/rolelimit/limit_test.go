package rolelimit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// bench is a server with the role app, which owns the database and is nothing special.
type bench struct {
	*testing.T
	database *pgtest.DB
	app      *postgres.DB
	super    Admin
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := pgtest.Cluster(t)
	b := &bench{T: t, database: s.Database(t)}
	b.database.Exec(t, "CREATE ROLE app LOGIN", "CREATE ROLE other LOGIN", fmt.Sprintf("ALTER DATABASE %s OWNER TO app", b.database.Name))
	b.app = b.connect("app")
	b.super = func(context.Context) (Transactor, func(), error) { return b.connect(s.User), func() {}, nil }
	return b
}

func (b *bench) connect(role string) *postgres.DB {
	return postgrestest.ConnectAs(b, b.database.URL(), role)
}

// self is what an attached server allows: only what the role may do itself.
func (b *bench) self(context.Context) (Transactor, func(), error) { return b.app, func() {}, nil }

func (b *bench) apply(admin Admin, want ...Limit) []Trouble {
	b.Helper()
	troubles, err := Apply(b.Context(), b.app, admin, want)
	if err != nil {
		b.Fatal(err)
	}
	return troubles
}

// has returns what a new session of the role finds, and the connections that it may have.
func (b *bench) has(role string) string {
	b.Helper()
	conn := b.database.Conn(b)
	var settings string
	var connections int
	err := conn.QueryRow(b.Context(), `SELECT coalesce((SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase
		WHERE setrole = r.oid AND datname = current_database()), ''), rolconnlimit FROM pg_roles r WHERE rolname = $1`, role).Scan(&settings, &connections)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %d", settings, connections))
}

func (b *bench) expect(role, want string) {
	b.Helper()
	if got := b.has(role); got != want {
		b.Errorf("the role %s has %q, want %q", role, got, want)
	}
}

func (b *bench) limit(role string, statement time.Duration, connections int) Limit {
	l := Limit{Role: role, Database: b.database.Name, Connections: connections}
	l.Set("statement_timeout", statement)
	return l
}

// C-01, S0-13: the limits of a role hold in every new session of it, and go when they are not configured any more.
func TestARoleIsLimitedByPostgreSQLItselfAndFreedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if b.apply(b.super); b.has("app") != "-1" {
		t.Errorf("nothing was asked for, and the role has %s", b.has("app"))
	}
	l := b.limit("app", 150*time.Millisecond, 30)
	l.Set("lock_timeout", time.Minute)
	for range 2 { // the second time there is nothing to do
		if got := b.apply(b.super, l); len(got) > 0 {
			t.Fatalf("troubles: %v", got)
		}
		b.expect("app", "statement_timeout=150ms lock_timeout=60000ms 30")
	}
	c, err := pgx.ParseConfig(b.database.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.User = "app"
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var cancelled *pgconn.PgError
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(60)"); !errors.As(err, &cancelled) || cancelled.Code != "57014" {
		t.Errorf("a statement that takes too long: %v", err)
	}
	b.apply(b.super, b.limit("app", 2*time.Second, 0))
	b.expect("app", "statement_timeout=2000ms -1")
	b.apply(b.super)
	b.expect("app", "-1")
}

// C-01: on a server of somebody else each role may set its own times; for the rest there is the statement to execute.
func TestWhatHoldfastMayNotDoIsAStatementForSomebodyWhoMay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	troubles := b.apply(b.self, b.limit("app", 5*time.Second, 30), b.limit("other", time.Second, 0), b.limit("nobody", time.Second, 0))
	b.expect("app", "statement_timeout=5000ms -1")
	var statements []string
	for _, x := range troubles {
		statements = append(statements, x.Statement)
	}
	want := []string{
		`ALTER ROLE "app" CONNECTION LIMIT 30`,
		`ALTER ROLE "other" IN DATABASE "` + b.database.Name + `" SET statement_timeout = '1000ms'`,
		`ALTER ROLE "nobody" IN DATABASE "` + b.database.Name + `" SET statement_timeout = '1000ms'`,
	}
	if strings.Join(statements, "\n") != strings.Join(want, "\n") || !strings.Contains(fmt.Sprint(troubles[2].Err), "no role") {
		t.Errorf("got  %v", troubles)
	}
	b.database.Exec(t, statements[0], statements[1])
	if got := b.apply(b.self, b.limit("app", 5*time.Second, 30), b.limit("other", time.Second, 0)); len(got) > 0 {
		t.Errorf("after somebody executed them: %v", got)
	}
	b.apply(b.self)
	b.expect("app", "30") // the time was ours; the number of connections was not
	b.expect("other", "statement_timeout=1000ms -1")
}

func TestOnlyWhatIsStillOursIsTakenBackAndWhatWasBeforeReturns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	at := "IN DATABASE " + b.database.Name
	b.database.Exec(t, "ALTER ROLE app "+at+" SET statement_timeout = '10s'", "ALTER ROLE app CONNECTION LIMIT 99",
		"ALTER ROLE other "+at+" SET statement_timeout = '1min'")
	b.apply(b.super, b.limit("app", 5*time.Second, 30), b.limit("other", time.Minute, 0))
	b.expect("app", "statement_timeout=5000ms 30")
	b.expect("other", "statement_timeout=1min -1") // the same in other words
	b.apply(b.super, b.limit("app", 6*time.Second, 31))
	b.apply(b.super)
	b.expect("app", "statement_timeout=10s 99")
	b.expect("other", "statement_timeout=1min -1")

	b.apply(b.super, b.limit("app", 5*time.Second, 30))
	b.database.Exec(t, "ALTER ROLE app "+at+" SET statement_timeout = '7s'", "ALTER ROLE app CONNECTION LIMIT 7")
	b.apply(b.super)
	b.expect("app", "statement_timeout=7s 7")
}

// A role that was dropped since is no trouble of anybody.
func TestLimitsOfARoleThatIsGoneAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.apply(b.super, b.limit("other", time.Second, 3))
	b.database.Exec(t, "DROP ROLE other")
	if got := b.apply(b.super); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

// Odd names are quoted.
func TestNamesAndValuesAreQuoted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const odd = `o"d; DROP ROLE other --`
	b.database.Exec(t, `CREATE ROLE "o""d; DROP ROLE other --"`)
	if got := b.apply(b.super, b.limit(odd, time.Second, 3)); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	b.expect(odd, "statement_timeout=1000ms 3")
}

// Processes of one installation apply at the same time.
func TestAllProcessesMayApplyAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	done := make(chan error)
	const many = 6
	for range many { // each is waited for below
		go func() {
			troubles, err := Apply(t.Context(), b.app, b.self, []Limit{b.limit("app", time.Second, 0)})
			if err == nil && len(troubles) > 0 {
				err = fmt.Errorf("troubles: %v", troubles)
			}
			done <- err
		}()
	}
	for range many {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	b.expect("app", "statement_timeout=1000ms -1")
}
