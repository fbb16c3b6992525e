package pgauth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgtest"
)

// asker runs the statement as the pooler does: on a connection of its own, with values in text.
type asker struct {
	conn      *pgx.Conn
	statement string
}

func (a asker) Verifier(ctx context.Context, user string) (pgauth.Row, error) {
	r := a.conn.PgConn().ExecParams(ctx, a.statement, [][]byte{[]byte(user)}, nil, nil, nil).Read()
	if r.Err != nil || len(r.Rows) == 0 {
		return pgauth.Row{}, r.Err
	}
	var columns []string
	var values []*string
	for i, f := range r.FieldDescriptions {
		columns = append(columns, f.Name)
		var value *string
		if raw := r.Rows[0][i]; raw != nil {
			text := string(raw)
			value = &text
		}
		values = append(values, value)
	}
	return pgauth.ParseRow(columns, values)
}

// connect logs in to a database as a role.
func connect(t testing.TB, db *pgtest.DB, role string) *pgx.Conn {
	t.Helper()
	c, err := pgx.ParseConfig(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.User = role
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Trap 10: the default statement, asked by a role without rights, in spite of tables that somebody put in the way.
func TestTrap10TheFunctionTellsVerifiersToWhomItIsGrantedOnly(t *testing.T) {
	t.Parallel()
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, "CREATE ROLE asker LOGIN", pgauth.InstallQuery("asker"),
		"CREATE ROLE stranger LOGIN", "GRANT USAGE ON SCHEMA holdfast TO stranger",
		"CREATE ROLE alice LOGIN PASSWORD 'alice-secret'", "CREATE ROLE team", "CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'x'",
		"CREATE ROLE guest LOGIN PASSWORD 'x' VALID UNTIL '2020-01-01'", "CREATE ROLE forever LOGIN PASSWORD 'x' VALID UNTIL 'infinity'",
		"CREATE TABLE public.pg_authid AS SELECT * FROM pg_catalog.pg_authid WHERE false", "GRANT ALL ON public.pg_authid TO asker",
	)
	conn := connect(t, db, "asker")
	if _, err := conn.Exec(t.Context(), "SET search_path = public, pg_catalog; SET DateStyle = 'ISO'; SET TimeZone = 'Asia/Kathmandu'"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT rolpassword FROM pg_catalog.pg_authid"); err == nil {
		t.Fatal("the role that asks may read verifiers by itself: the test proves nothing")
	}
	c := settings(pgauth.Rule{})
	c.Auth.Query, c.Auth.MaxFailures = "holdfast", 0
	b := start(t, c, func(o *pgauth.Options) { o.Querier = asker{conn, c.Auth.Statement()} })
	b.login(t, remote("alice"), "alice-secret")
	b.login(t, remote("forever"), "x")
	b.refused(t, remote("alice"), "wrong", "auth_wrong_password")
	b.refused(t, remote("boss"), "x", "auth_unknown_user")
	b.refused(t, remote("team"), "x", "auth_no_password")
	b.refused(t, remote("guest"), "x", "auth_password_expired")
	b.refused(t, remote("' OR true --"), "x", "auth_unknown_user")
	_, err := connect(t, db, "stranger").Exec(t.Context(), "SELECT holdfast.login_verifier('alice')")
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || refusal.Code != "42501" {
		t.Errorf("somebody else asks: %v; want 42501", err)
	}
}

func TestAStatementOfPgBouncerWorks(t *testing.T) {
	t.Parallel()
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, "CREATE ROLE alice LOGIN PASSWORD 'alice-secret'")
	c := settings(pgauth.Rule{})
	for _, statement := range []string{
		"SELECT usename, passwd FROM pg_shadow WHERE usename = $1",
		"SELECT usename::text, passwd || '' FROM pg_shadow WHERE usename = $1", // a column without a name
		"SELECT passwd, valuntil FROM pg_shadow WHERE usename = $1",
	} {
		c.Auth.Query = statement
		b := start(t, c, func(o *pgauth.Options) { o.Querier = asker{connect(t, db, "postgres"), statement} })
		b.login(t, remote("alice"), "alice-secret")
	}
}

func TestTimesAreReadInEveryZone(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		row, err := pgauth.ParseRow([]string{"verifier", "valid_until"}, []*string{nil, &text})
		got := row.ValidUntil.UTC().Format(time.RFC3339Nano)
		if row.ValidUntil.IsZero() {
			got = "never"
		}
		if err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	f("2026-01-02 03:04:05+00", "2026-01-02T03:04:05Z")
	f("2026-01-02 03:04:05.5-02", "2026-01-02T05:04:05.5Z")
	f("2026-01-02 03:04:05.123456+05:45", "2026-01-01T21:19:05.123456Z")
	f("infinity", "never")
	f("-infinity", "1970-01-01T00:00:00Z")
	for _, bad := range []string{"Fri 02 Jan 03:04:05 2026 UTC", "0044-03-15 12:00:00+00 BC", "x"} {
		if _, err := pgauth.ParseRow([]string{"verifier", "valid_until"}, []*string{nil, &bad}); err == nil {
			t.Errorf("%q was read as a time", bad)
		}
	}
	if _, err := pgauth.ParseRow([]string{"a", "b", "c"}, make([]*string, 3)); err == nil || !strings.Contains(err.Error(), "verifier") {
		t.Errorf("an answer without a verifier: %v", err)
	}
}

func TestAnAuthenticatorStartsAndStopsUnderStress(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service { return start(t, settings(pgauth.Rule{})).Authenticator })
}
