package daemon_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/daemon"
	"holdfast/internal/pgtest"
)

// lookup is an auth_query as administrators write it: a function with the rights of a superuser that trusts the search path of whoever
// calls it. It writes down the settings under which it is called.
const lookup = `CREATE FUNCTION public.lookup(wanted text) RETURNS TABLE (usename text, passwd text) LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
		INSERT INTO public.asked SELECT wanted, pg_catalog.string_agg(name OPERATOR(pg_catalog.||) ' is ' OPERATOR(pg_catalog.||) setting, ', ' ORDER BY name)
			FROM pg_catalog.pg_settings WHERE pg_catalog.array_position('{client,session,database,user}', source) > 0;
		RETURN QUERY SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid WHERE rolname::text = wanted;
	END $$`

// snares are what somebody who may make a schema lays out for such a function: an operator that is a better one as soon as the schema comes first.
func snares() []string {
	return []string{
		"CREATE SCHEMA evil AUTHORIZATION mallory", "GRANT USAGE ON SCHEMA evil TO PUBLIC",
		"SET ROLE mallory",
		"CREATE TABLE evil.caught (who text)", "GRANT ALL ON evil.caught TO PUBLIC",
		`CREATE FUNCTION evil.same(a text, b text) RETURNS boolean LANGUAGE plpgsql AS
			$$ BEGIN INSERT INTO evil.caught VALUES (current_user); RETURN true; END $$`,
		"CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same)",
		"RESET ROLE",
	}
}

// hostile are start-up parameters of somebody who wants the query to run under their settings.
func hostile() map[string]map[string]string {
	const path = "evil,pg_catalog"
	return map[string]map[string]string{
		"search_path":           {"search_path": path},
		"in capitals":           {"SEARCH_PATH": path},
		"-c":                    {"options": "-c search_path=" + path},
		"-c without a space":    {"options": "-csearch_path=" + path},
		"--":                    {"options": "--search_path=" + path},
		"with a hyphen":         {"options": "--search-path=" + path},
		"escaped":               {"options": `-c search_path=evil,\ pg_catalog -c application_name=x`},
		"both":                  {"options": "-c search_path=pg_catalog", "search_path": path},
		"role":                  {"role": "mallory", "session_authorization": "mallory"},
		"a statement in a name": {"application_name": "x'; SET search_path = evil, pg_catalog; --"},
		"a call in a name":      {"application_name": "x', false), pg_catalog.set_config('search_path', '" + path + "', false); --"},
		"backslashes":           {"standard_conforming_strings": "off", "application_name": `\'; SET search_path = evil, pg_catalog; --`},
		"in a tracked one":      {"DateStyle": "ISO'; SET search_path = evil, pg_catalog; --"},
		"in a zone":             {"TimeZone": "UTC'; SET search_path = evil, pg_catalog; --"},
		"in one's own":          {"evil.x": "'); SET search_path = evil, pg_catalog; --", "holdfast.person": "'; SET search_path = evil; --"},
		"in the name of one":    {`x"."y; SET search_path = evil`: "1"},
		"a quoted list":         {"search_path": `"evil", "pg_catalog"; SELECT 1; --`},
		"replication":           {"replication": "database", "search_path": path},
		"what errors would say": {"client_min_messages": "debug5", "log_statement": "all", "session_preload_libraries": "evil"},
		"how values look":       {"DateStyle": "SQL, DMY", "TimeZone": "Asia/Kathmandu", "client_encoding": "LATIN1", "extra_float_digits": "-15", "IntervalStyle": "iso_8601", "bytea_output": "escape"},
	}
}

// startWithParameters logs in with start-up parameters.
func startWithParameters(t *testing.T, d *daemon.Daemon, user, password, database string, params map[string]string) (*pgx.Conn, error) {
	t.Helper()
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(user, password), Host: d.PoolerAddr(), Path: "/" + database, RawQuery: "sslmode=disable"}
	c, err := pgx.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(c.RuntimeParams, params)
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return pgx.ConnectConfig(t.Context(), c)
}

// column returns the first column of what the superuser reads.
func column(t *testing.T, db *pgtest.DB, sql string) []string {
	t.Helper()
	rows, err := db.Pool(t).Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// CVE-2025-12819, trap 10: nothing that a client says at its start reaches the connections that ask for verifiers: neither somebody unproven, nor
// somebody who logs in and leaves server sessions behind.
func TestTrap10NoParameterOfAClientReachesTheQueryForVerifiers(t *testing.T) {
	t.Parallel()
	db, d, _ := asked(t, "SELECT usename, passwd FROM public.lookup($1)", append([]string{
		"CREATE ROLE mallory LOGIN PASSWORD 'of-mallory'", "CREATE ROLE alice LOGIN PASSWORD 'alice-secret'",
		"CREATE TABLE public.asked (wanted text, settings text)", lookup,
	}, snares()...)...)
	snapped := func() bool { return column(t, db, "SELECT count(*)::text FROM evil.caught")[0] != "0" }
	works(t, d, "alice", "alice-secret", db.Name)
	want := column(t, db, "SELECT DISTINCT settings FROM public.asked")
	if len(want) != 1 || !strings.Contains(want[0], "search_path is ") || snapped() {
		t.Fatalf("before anybody attacks the query runs under %q", want)
	}
	took := 0
	for i, name := range slices.Sorted(maps.Keys(hostile())) {
		params := hostile()[name]
		// Unproven: each one has a name that was not asked for yet.
		user := fmt.Sprintf("ghost%d", i)
		if conn, err := startWithParameters(t, d, user, "x", db.Name, params); err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("%s: a role that does not exist gets in", name)
		}
		// And as somebody whose session is taken over by a server connection, if the server takes such parameters.
		if conn, err := startWithParameters(t, d, "mallory", "of-mallory", db.Name, params); err == nil {
			var path string
			if err := conn.QueryRow(t.Context(), "SELECT pg_catalog.current_setting('search_path')").Scan(&path); err == nil && strings.HasPrefix(path, "evil") {
				took++
			}
			_ = conn.Close(context.WithoutCancel(t.Context()))
		}
		if _, err := enter(t, d, user+"_after", "x", db.Name); err == nil { // asked for afterwards, by whichever connection
			t.Errorf("%s: a role that does not exist gets in", name)
		}
	}
	got := column(t, db, "SELECT DISTINCT settings FROM public.asked")
	if !slices.Equal(got, want) {
		t.Errorf("the query ran under\n%s\nbefore the attack under\n%s", strings.Join(got, "\n"), want[0])
	}
	if snapped() {
		t.Errorf("the operator of the attacker was called by %q", column(t, db, "SELECT DISTINCT who FROM evil.caught"))
	}
	for _, ghost := range []string{"ghost0", "ghost7_after", "ghost19"} {
		if n := column(t, db, "SELECT count(*)::text FROM public.asked WHERE wanted = '"+ghost+"'"); n[0] == "0" {
			t.Errorf("nobody asked for %s: the test proves nothing", ghost)
		}
	}
	works(t, d, "alice", "alice-secret", db.Name)
	db.Exec(t, "BEGIN; SET LOCAL search_path = evil, pg_catalog; SELECT * FROM public.lookup('alice'); COMMIT")
	if !snapped() || took < 5 {
		t.Errorf("%d sessions of the attacker had their own search path, and the snare is %t: the test proves nothing", took, snapped())
	}
}
