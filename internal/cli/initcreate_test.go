package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
)

const adminPassword = "of-the-admin-7d2k"

// server is a PostgreSQL that asks for passwords and logs every statement.
func server(t *testing.T) *pgtest.PG {
	t.Helper()
	pg := pgtest.Cluster(t, pgtest.TCP(), pgtest.Setting("log_statement", "all"), pgtest.HBA("host all all 127.0.0.1/32 scram-sha-256"))
	pg.Exec(t, "SET password_encryption = 'scram-sha-256'; ALTER ROLE postgres PASSWORD '"+adminPassword+"'", "CREATE ROLE other LOGIN PASSWORD 'of-the-other'")
	return pg
}

// freeListeners keep the checks of several sites from meeting on the usual ports.
var freeListeners = []string{
	"HOLDFAST_EDGE__LISTEN=127.0.0.1:0", "HOLDFAST_S3__LISTEN=127.0.0.1:0", "HOLDFAST_ADMIN__LISTEN=127.0.0.1:0",
	`HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`,
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// wantNothing fails if a refused init has left something behind.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Lstat(dir); err == nil {
		t.Errorf("%s was made", dir)
	}
}

// S0-04: init creates role, database and grants in an existing server, and check then finds everything in order.
func TestInitCreatesRoleAndDatabaseInAnExistingServer(t *testing.T) {
	t.Parallel()
	pg := server(t)
	dir := filepath.Join(t.TempDir(), "site")
	command := []string{"init", "--dir", dir, "--create-database"}

	runWith(pg.TCPURL("postgres", "postgres", "wrong-7d2k"), nil, append(command, "--admin-url", "-")...).
		expect(t, 5, "password authentication failed", "hint: check username and password")
	wantNothing(t, dir)

	r := runWith(pg.TCPURL("", "postgres", adminPassword)+"?sslmode=disable\n", nil, append(command, "--admin-url", "-")...)
	r.expect(t, 0, "database: app on 127.0.0.1: role holdfast made, database made", "next: holdfast check --config "+dir)
	toml, password := read(t, filepath.Join(dir, "holdfast.toml")), read(t, filepath.Join(dir, "secrets", "database_password"))
	want := fmt.Sprintf("[database]\nhost = \"127.0.0.1\"\nport = %d\nname = \"app\"\nusername = \"holdfast\"\npassword_file = \"secrets/database_password\"\nsslmode = \"disable\"\n", pg.Port)
	if !strings.Contains(toml, want) {
		t.Errorf("%s is not in\n%s", want, toml)
	}
	if info, err := os.Stat(filepath.Join(dir, "secrets", "database_password")); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	serverLog := strings.Replace(pg.Log(1000), "PASSWORD '"+adminPassword, "", 1) // the test's own statement
	for where, text := range map[string]string{"output": r.stdout + r.stderr, "configuration": toml, "server's log": serverLog} {
		if strings.Contains(text, password) || strings.Contains(text, adminPassword) {
			t.Errorf("a password is in the %s:\n%s", where, text)
		}
	}
	check := func() {
		t.Helper()
		run(freeListeners, "check", "--config", filepath.Join(dir, "holdfast.toml")).expect(t, 0, "ok    database       PostgreSQL ", "ok    connections")
	}
	check()
	run([]string{"DATABASE_URL=" + pg.TCPURL("app", "other", "of-the-other")}, "init", "--dir", filepath.Join(dir, "other")).expect(t, 0)
	run(freeListeners, "check", "--config", filepath.Join(dir, "other", "holdfast.toml")).expect(t, 5, "permission denied for database")

	if err := os.Remove(filepath.Join(dir, "holdfast.toml")); err != nil {
		t.Fatal(err)
	}
	run(nil, append(command, "--admin-url", pg.TCPURL("postgres", "postgres", adminPassword))...).
		expect(t, 0, "role holdfast kept, database kept", "kept   "+filepath.Join(dir, "secrets", "database_password"))
	check()
}

// S0-04
func TestInitLeavesRolesAndDatabasesOfOthersAlone(t *testing.T) {
	t.Parallel()
	pg := server(t)
	dir := filepath.Join(t.TempDir(), "site")
	env := append([]string{"PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", pg.Port), "PGUSER=postgres", "PGPASSWORD=" + adminPassword}, freeListeners...)
	f := func(code int, args []string, parts ...string) {
		t.Helper()
		run(env, append([]string{"init", "--dir", dir, "--create-database"}, args...)...).expect(t, code, parts...)
		if code != 0 {
			wantNothing(t, dir)
		}
	}
	f(6, []string{"--username", "other"}, `the role "other" exists already`, "--reset-password")
	f(6, []string{"--username", "postgres", "--reset-password"}, "is an administrator's")
	f(6, []string{"--name", "postgres"}, `the database "postgres" exists already, and belongs to "postgres"`, "GRANT CONNECT, CREATE")
	f(3, []string{"--username", strings.Repeat("x", 64)}, "username", "63 bytes")
	f(2, []string{"--admin-url", "mysql://db.local"}, "--admin-url", "is not PostgreSQL")
	f(0, []string{"--username", "other", "--reset-password", "--json"}, `"role": "password reset"`, `"database": "made"`)
	run(freeListeners, "check", "--config", filepath.Join(dir, "holdfast.toml")).expect(t, 0)
}

func TestInitAsksForAnAdministratorWhereOneIsNeeded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "site")
	run(nil, "init", "--dir", dir, "--create-database").expect(t, 2, "needs a connection of an administrator", "--admin-url -")
	run(nil, "init", "--dir", dir, "--create-database", "--admin-url", "-").expect(t, 2, "standard input holds no URL")
	run(nil, "init", "--dir", dir, "--admin-url", "postgresql://db.local").expect(t, 2, "--admin-url needs --create-database")
	wantNothing(t, dir)
}
