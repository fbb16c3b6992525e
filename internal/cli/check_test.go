package cli

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
)

// attach returns the table [database] for a role of a test server.
func attach(pg *pgtest.PG, name, user, password string) string {
	return fmt.Sprintf("[database]\nhost = %q\nport = %d\nname = %q\nusername = %q\npassword = %q\n", pg.Host, pg.Port, name, user, password)
}

const quiet = "[edge]\nlisten = \"127.0.0.1:0\"\n[s3]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n" +
	"[[database.endpoints]]\nlisten = \"127.0.0.1:0\"\n"

func TestCheckTriesAnAttachedDatabase(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	pg := db.Server
	_, env := site(t, quiet+attach(pg, db.Name, pg.User, "unused-on-the-socket"))
	run(env, "check").expect(t, 0, "ok    database       PostgreSQL ", "primary", "ok    connections ", "ok    store          disk")

	_, env = site(t, quiet+attach(pg, db.Name, pg.User, "unused-on-the-socket")+"[database.options.pool]\nmax_size = 9000\n")
	run(env, "check").expect(t, 3, "FAIL  connections", "9008 are wanted: 9000 for endpoint 127.0.0.1:0 + 8 for Holdfast", "→ set max_connections")

	_, env = site(t, quiet+attach(pg, "no_such_database", pg.User, "unused-on-the-socket"))
	r := run(env, "check")
	r.expect(t, r.code, "FAIL  database", "no_such_database")
	if r.code == 0 {
		t.Error("a missing database is fine")
	}
}

func TestCheckSaysWhenTheRoleMayNotCreateTheSchema(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	db.Exec(t, "CREATE ROLE reader_"+db.Name+" LOGIN")
	_, env := site(t, quiet+attach(db.Server, db.Name, "reader_"+db.Name, "unused-on-the-socket"))
	run(env, "check").expect(t, 5, "FAIL  database", "may not create the schema", "GRANT CREATE ON DATABASE")
}

// S0-44
func TestCheckNamesAMissingBucketAndCreatesItWhenAsked(t *testing.T) {
	t.Parallel()
	s := s3test.Versitygw(t)
	db := pgtest.Database(t)
	_, env := site(t, quiet+attach(db.Server, db.Name, db.Server.User, "unused-on-the-socket")+fmt.Sprintf(
		"[storage.s3]\nenabled = true\nendpoint_url = %q\nbucket_name = \"media\"\naccess_key_id = %q\nsecret_key = %q\n",
		s.URL+"/", s.AccessKey, s.SecretKey))
	run(env, "check").expect(t, 4, "FAIL  store", "media", "check --create")
	run(env, "check", "--create").expect(t, 0, "ok    store          bucket media at "+s.URL)
	run(env, "check").expect(t, 0, "ok    store")
}

func TestCheckTriesDirectoriesAndListeners(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir, env := site(t, "[media]\nroot = \"file/media\"\n[s3]\nlisten = \""+l.Addr().String()+"\"\n[edge]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[[database.endpoints]]\nlisten = \"127.0.0.1:0\"\n")
	write(t, filepath.Join(dir, "file"), "in the way")
	r := run(env, "check")
	r.expect(t, r.code, "FAIL  directories", "media.root", "FAIL  listeners", "s3.listen", "address already in use", "→ find its owner")
	if _, err := os.Stat(filepath.Join(dir, "state")); err == nil {
		t.Error("check made a directory")
	}
	type answer struct {
		OK       bool
		Findings []finding
	}
	if a := decode[answer](t, run(env, "check", "--json").stdout); a.OK || len(a.Findings) < 4 {
		t.Errorf("got %+v", a)
	}
}

// S1-81
func TestCheckLooksAtTheSecretOfTheApplication(t *testing.T) {
	t.Parallel()
	_, env := site(t, "")
	run(append(env, "SESSION_SECRET=your-secure-secret-key"), "check", "--offline").expect(t, 3, "FAIL  environment", "SESSION_SECRET is a placeholder")
	run(append(env, "SESSION_SECRET=u8Hq2Lw0xZ6tYv4c"), "check", "--offline").expect(t, 0)
	run(append(env, "SESSION_SECRET=your-secure-secret-key", "DATABASE_URL=postgresql://username:password@host:5432/database"), "check", "--offline").
		expect(t, 3, "DATABASE_URL", "SESSION_SECRET: is a placeholder")
}

// S0-22, S0-29: a private server whose limit is set too low is refused with the sum.
func TestCheckRefusesTooFewConnectionsOfAPrivateServer(t *testing.T) {
	t.Parallel()
	const private = "[database]\nmode = \"private\"\n[database.options.pool]\nmin_size = 50\nmax_size = 150\ntimeout = 5\n"
	_, env := site(t, quiet+private)
	run(env, "check").expect(t, 0, "ok    connections    150 for endpoint 127.0.0.1:0 + 8 for Holdfast (database.max_connections) = 158, and 12 more")
	_, env = site(t, quiet+private+"[database.private]\nmax_connections = 20\n")
	run(env, "check").expect(t, 3, "FAIL  connections    database.private.max_connections is 20", "150 for endpoint 127.0.0.1:0 + 8 for Holdfast", "= 158", "→ set it to at least 161, or leave it out")
}

// Issue 3: the statement of database.auth.query is really run, and what is missing is printed by a command whose output, executed, mends it.
func TestCheckRunsTheQueryForLogInsAndSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	db := pgtest.Cluster(t).Database(t)
	db.Exec(t, `CREATE ROLE "an app" LOGIN PASSWORD 'secret'`, `ALTER DATABASE `+db.Name+` OWNER TO "an app"`)
	with := func(query string) []string {
		_, env := site(t, quiet+attach(db.Server, db.Name, "an app", "unused-on-the-socket")+"[database.auth]\nquery = \""+query+"\"\n")
		return env
	}
	env := with("holdfast")
	run(env, "check").expect(t, 3, "FAIL  log-in", "does not exist", "→ as a superuser, in the database \""+db.Name+"\", execute what is printed by: holdfast pool auth-query")
	printed := run(env, "pool", "auth-query")
	printed.expect(t, 0, "-- As a superuser, in the database \""+db.Name+"\":", `TO "an app";`)
	db.Exec(t, printed.stdout, printed.stdout)
	run(env, "check").expect(t, 0, "ok    log-in         database.auth.query tells verifiers, that of an app for one")
	if a := decode[authQuerySQL](t, run(env, "pool", "auth-query", "--role", "other", "--json").stdout); a.Role != "other" || a.Database != db.Name || !strings.Contains(a.SQL, `TO "other";`) {
		t.Errorf("got %+v", a)
	}
	run(with("SELECT usename, passwd FROM pg_shadow WHERE usename = $1"), "check").expect(t, 3, "FAIL  log-in", "permission denied", "→ grant")
	run(with("SELECT usename FROM pg_user WHERE usename = $1"), "check").expect(t, 3, "FAIL  log-in", "→ name the columns verifier")
	run(with("SELECT usename, passwd FROM pg_user WHERE usename = $1 AND false"), "check").expect(t, 0, "ok    log-in         database.auth.query works; of an app itself")
	_, env = site(t, quiet+attach(db.Server, db.Name, db.Server.User, "unused-on-the-socket")+"[database.auth]\nquery = \"holdfast\"\n")
	db.Exec(t, "DROP FUNCTION holdfast.login_verifier")
	run(env, "check").expect(t, 0, "ok    log-in         the start makes the function")
}

// S0-22: sizes that the machine cannot bear are refused, with the sum written out.
func TestCheckComparesFilesAndMemoryWithTheMachine(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	settings := quiet + attach(db.Server, db.Name, db.Server.User, "unused-on-the-socket")
	_, env := site(t, settings+"max_clients = 900\n")
	run(env, "check").expect(t, 0, "ok    files", "900 clients (max_clients) + 28 servers + 512 for everything else = 1440, of ", "ok    memory")
	_, env = site(t, settings+"max_clients = 2000000000\n")
	run(env, "check").expect(t, 3, "FAIL  files", "2000000000 clients (max_clients) + 28 servers", "LimitNOFILE=2000000540", "FAIL  memory", "2000000000 × 8KiB for clients")
}

// C-04, S1-79: the limits of each class are printed, and their order is judged.
func TestCheckPrintsTheLimitsOfEachClassInTheirOrder(t *testing.T) {
	t.Parallel()
	settings := quiet + "[database]\nusername = \"journal\"\n[[database.rules]]\nusers = [\"journal\"]\nclass = \"pages\"\n[database.limits.pages]\n"
	_, env := site(t, settings+"statement_timeout = \"4s\"\ntimeout = \"2s\"\n")
	run(env, "check", "--offline").expect(t, 0, "ok    timeouts       class pages: wait for a connection 2s, lock as the server says, statement 4s")
	_, env = site(t, settings+"statement_timeout = \"1s\"\ntimeout = \"10m\"\n")
	run(env, "check", "--offline").expect(t, 0, "note  timeouts       class pages: a request waits up to 10m for a connection", "statement may run for 1s", "→ set timeout below")
	_, env = site(t, strings.Replace(settings, "[edge]\n", "[edge]\nupstreams = [\"http://127.0.0.1:5000\"]\n", 1)+"statement_timeout = \"90s\"\n")
	run(env, "check", "--offline").expect(t, 0, "note  timeouts       class pages: a statement may run for 1m30s, but the visitor is answered after 55s")
}
