package pgbouncer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// has reports lines that are missing.
func has(t *testing.T, r Result, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+r.TOML, "\n"+line+"\n") {
			t.Errorf("no %q in\n%s", line, r.TOML)
		}
	}
}

func hasNot(t *testing.T, r Result, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(r.TOML, part) {
			t.Errorf("%q stands in\n%s", part, r.TOML)
		}
	}
}

// says reports remarks that are missing: "setting@line: beginning of the text".
func says(t *testing.T, r Result, remarks ...string) {
	t.Helper()
	for _, want := range remarks {
		if !slices.ContainsFunc(r.Remarks, func(m Remark) bool {
			return strings.HasPrefix(fmt.Sprintf("%s@%d: %s", m.Setting, m.Line, m.Text), want)
		}) {
			t.Errorf("no remark %q in\n%+v", want, r.Remarks)
		}
	}
}

func TestWhatIsWrittenIsCarriedOver(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\napp = host=db.local\n[pgbouncer]\nlisten_addr = localhost\nlisten_port = 0x1921\nunix_socket_dir =\npool_mode = transaction\n"+
		"max_client_conn = 500\ndefault_pool_size = 30\nmin_pool_size = 3\nquery_wait_timeout = 2.5\nserver_lifetime = 1800\nserver_idle_timeout = 90.0\n"+
		"server_connect_timeout = 3\nclient_login_timeout = 0\nmax_prepared_statements = 100\nquery_timeout=20\nadmin_users = a , b\nstats_users=c\n"+
		"server_tls_sslmode = verify-full\nserver_tls_ca_file = /ca.pem\nmax_user_connections = 9\n")
	has(t, r, `host = "db.local"`, "port = 5432", `name = "app"`, "[[database.endpoints]]\nlisten = \"127.0.0.1:0x1921\"\nmode = \"transaction\" # pool_mode",
		"max_clients = 500 # max_client_conn", "max_size = 30 # default_pool_size", "min_size = 3 # min_pool_size", `timeout = "2.5s" # query_wait_timeout`,
		`max_lifetime = "30m" # server_lifetime`, `max_idle = "1m30s" # server_idle_timeout`, `connect_timeout = "3s" # server_connect_timeout`,
		"prepared_statements = 100 # max_prepared_statements", `admins = ["a", "b"] # admin_users`, `stats_users = ["c"] # stats_users`,
		`sslmode = "verify-full" # server_tls_sslmode`, `sslrootcert = "/ca.pem" # server_tls_ca_file`,
		"max_user_connections = 9 # max_user_connections", "[database.limits.default]\nstatement_timeout = \"20s\" # query_timeout")
	hasNot(t, r, "routes", "login_timeout", "min_pool_size # PgBouncer's default")
	says(t, r, "client_login_timeout@15: every wait has a limit", "database.username@0: PgBouncer has no role of its own")
}

func TestDefaultsThatAreNotOursAreWrittenOut(t *testing.T) {
	t.Parallel()
	r := convert(t, "[pgbouncer]\n")
	has(t, r, "max_clients = 100 # PgBouncer's default; Holdfast's is 10000", "max_size = 20 # PgBouncer's default; Holdfast's is min_size",
		"min_size = 0 # PgBouncer's default; Holdfast's is 4", `timeout = "2m" # PgBouncer's default; Holdfast's is 5s`,
		`connect_timeout = "15s" # PgBouncer's default; Holdfast's is 5s`, `login_timeout = "1m" # PgBouncer's default; Holdfast's is 30s`,
		`listen = "/tmp/.s.PGSQL.6432" # PgBouncer's default`)
}

// Nothing is left out silently: each setting of each section leaves a trace in the output or in the remarks.
func TestEverySettingIsCarriedOverOrNamed(t *testing.T) {
	t.Parallel()
	f := func(s setting, label, ini string) {
		t.Helper()
		if r := convert(t, ini); !slices.ContainsFunc(r.Remarks, func(m Remark) bool { return m.Setting == label && m.Text != "" }) && !strings.Contains(r.TOML, "# "+s.name) {
			t.Errorf("%s is neither carried over nor named:\n%s\n%+v", label, r.TOML, r.Remarks)
		}
	}
	const odd = "7" // a value that is no default
	for _, s := range globalSettings() {
		if s.key == "" || s.as != nil {
			f(s, s.name, "[databases]\nd=host=h\n[pgbouncer]\nlisten_addr=::1\n"+s.name+"="+odd)
		}
	}
	for _, s := range databaseSettings() {
		if s.key == "" || s.as != nil {
			f(s, "databases.d: "+s.name, "[databases]\nd = "+s.name+"="+odd)
		}
	}
	for _, s := range userSettings() {
		f(s, "users.u: "+s.name, "[users]\nu = "+s.name+"="+odd)
	}
	r := convert(t, "[databases]\nd = x=1\n[users]\nu = y=1\n[pgbouncer]\nz=1")
	says(t, r, "databases.d: x@2: PgBouncer 1.25 has no such setting for a database", "users.u: y@4: PgBouncer 1.25 has no such setting for a user",
		"z@6: PgBouncer 1.25 has no such setting")
}

func TestValuesThatCannotBeAreNamed(t *testing.T) {
	t.Parallel()
	r := convert(t, "[pgbouncer]\npool_mode = best\nmax_client_conn = many\nquery_wait_timeout = -1\nserver_tls_sslmode = maybe\nunix_socket_mode = 01777\nserver_idle_timeout = 1e300\nserver_lifetime = NaN")
	says(t, r, `pool_mode@2: "best" is no pool mode`, `max_client_conn@3: "many" is not a whole number`, `query_wait_timeout@4: "-1" is not a number of seconds`,
		`server_tls_sslmode@5: "maybe" is no TLS mode`, `unix_socket_mode@6: "01777" is no file mode`, "server_idle_timeout@7:", "server_lifetime@8:")
	says(t, convert(t, "[pgbouncer]\npool_mode = statement"), "pool_mode@2: a pool that lends for a statement")
	has(t, convert(t, "[pgbouncer]\nunix_socket_mode = 0770"), `socket_mode = "0770" # unix_socket_mode`)
}

func TestTheSizeThatIsKeptOpenIsNoMoreThanTheLargest(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=h pool_size=2\nb = host=h min_pool_size=50\nc = host=h pool_size=3 min_pool_size=9\n[pgbouncer]\nmin_pool_size=100")
	has(t, r, "min_size = 20 # no more than max_size", "[database.routes.b]\nmin_size = 20 # no more than max_size", "[database.routes.c]\nmax_size = 3 # pool_size\nmin_size = 3 # no more than max_size")
}

func TestDatabasesBecomeRoutesWhereTheyDiffer(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=db1\nb = host=db1 dbname=b\nc = host=db1 dbname=real pool_size=5 max_db_connections=7\n"+
		"d = host=db2,10.0.0.9 port=5433\ne =\n\"f.g\" = host=::1\na = host=db1 dbname=again\n[pgbouncer]\nunix_socket_dir = /run/pg")
	has(t, r, `host = "db1"`, `name = "again"`, "[database.routes.a]\ndatabase = \"again\"", "[database.routes.c]\ndatabase = \"real\"\nmax_size = 5 # pool_size\nmax_connections = 7 # max_db_connections",
		"[database.routes.d]\nhosts = [\"db2:5433\", \"10.0.0.9:5433\"]", "[database.routes.e]\nhosts = [\"/run/pg/.s.PGSQL.5432\"]", "[database.routes.\"f.g\"]\nhosts = [\"[::1]:5432\"]",
		`databases = ["a", "b", "c", "d", "e", "f.g"]`)
	hasNot(t, r, "[database.routes.b]")
	says(t, r, "databases.d: host@5: PgBouncer goes round its hosts")
}

func TestTheEntryForAllOthersIsTheServerOfTheTable(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=x\nb = host=x\n* = host=y,z\n")
	has(t, r, `host = "y"`, `replicas = ["z:5432"]`, "[database.routes.a]\nhosts = [\"x:5432\"]")
	hasNot(t, r, "databases = ") // any database may be named
	has(t, convert(t, "[databases]\n* = host=y dbname=one pool_size=3"), "[database.routes.\"*\"]\ndatabase = \"one\"\nmax_size = 3 # pool_size")
}

func TestSettingsOfUsersBecomeClasses(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=x\n[users]\nbatch = query_timeout=3600 pool_size=3 query_wait_timeout=-1\nidle = pool_mode=session\n[pgbouncer]\nauth_type=scram-sha-256\nidle_transaction_timeout=60\nquery_timeout=5")
	has(t, r, "[database.limits.default]\nstatement_timeout = \"5s\" # query_timeout\nidle_in_transaction_timeout = \"1m\" # idle_transaction_timeout",
		"[database.limits.batch]\nstatement_timeout = \"1h\" # query_timeout\nidle_in_transaction_timeout = \"1m\" # idle_transaction_timeout\nmax_per_person = 3 # pool_size",
		"[[database.rules]]\ndatabases = [\"a\"]\nusers = [\"batch\"]\nmethod = \"scram\"\nclass = \"batch\"",
		"[[database.rules]]\ndatabases = [\"a\"]\nmethod = \"scram\"\nclass = \"default\"")
	hasNot(t, r, "idle]")
	says(t, r, "users.idle: pool_mode@5: a mode belongs to an endpoint")
}

func TestAForcedUserIsTheRoleOfTheServerAndNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\nforced = host=x user=baz password='top secret'\nopen = host=x\nlisted = host=x user=u1\nnopass = host=x user=u2\n[pgbouncer]\nauth_type = scram-sha-256\nauth_file = users\nauth_user = u1",
		"/etc/pgbouncer/users", "\"u1\" \"hunter2\"\n\"u3\" \"md5a3556571e93b0d20722ba62be61e8c2d\"")
	has(t, r, "[[database.rules]]\ndatabases = [\"forced\"]\nmethod = \"scram\"\nserver_user = \"baz\"", "[database.auth.server_users.baz]\npassword_file = \"secrets/baz\"",
		"[database.auth.server_users.u1]\npassword_file = \"secrets/u1\"", `file = "/etc/pgbouncer/users" # auth_file`, `username = "u1" # auth_user`, `password_file = "secrets/u1"`,
		`query = "`+defaultAuthQuery+`" # PgBouncer's default`)
	hasNot(t, r, "server_users.u2", "server_users.u3")
	all := r.TOML + fmt.Sprint(r.Remarks)
	for _, secret := range []string{"top secret", "hunter2", "md5a3556571e93b0d20722ba62be61e8c2d"} {
		if strings.Contains(all, secret) {
			t.Errorf("the secret %q is printed:\n%s", secret, all)
		}
	}
	says(t, r, "auth_file@8: md5 is not offered: set the passwords anew, so that they are kept by SCRAM, of u3", "auth_file@8: a list holds SCRAM verifiers and no passwords",
		"databases.forced: user@2: write the password of baz into secrets/baz")
}

func TestEndpointsStandWhereClientsAre(t *testing.T) {
	t.Parallel()
	r := convert(t, "[pgbouncer]\nlisten_addr = 127.0.0.1, *, ::1\nunix_socket_dir = run\nunix_socket_mode = 0700\nclient_tls_sslmode = require\nclient_tls_key_file = k\nclient_tls_cert_file = c\nclient_tls_ca_file = a")
	const tls = "tls = \"require\" # client_tls_sslmode\ntls_key = \"k\" # client_tls_key_file\ntls_cert = \"c\" # client_tls_cert_file\ntls_client_ca = \"a\" # client_tls_ca_file"
	has(t, r, "listen = \"127.0.0.1:6432\"\n"+tls, "listen = \"0.0.0.0:6432\"\n"+tls, "listen = \"[::1]:6432\"\n"+tls, "listen = \"/etc/pgbouncer/run/.s.PGSQL.6432\" # unix_socket_dir\nsocket_mode = \"0700\" # unix_socket_mode")
	says(t, r, "listen_addr@2: * becomes 0.0.0.0")
	says(t, convert(t, "[pgbouncer]\nlisten_addr = 10.0.0.1"), "listen_addr@2: 10.0.0.1 is not an address of this machine alone: there Holdfast wants TLS")
	says(t, convert(t, "[pgbouncer]\nunix_socket_dir = @abstract"), "unix_socket_dir@2: sockets without a file are not offered")
}

func TestPeersKeepTheirNumbers(t *testing.T) {
	t.Parallel()
	r := convert(t, "[peers]\n1 = host=/run/a\n2 = host=10.0.0.2 port=7000 pool_size=3\n3 = host=h\n[pgbouncer]\npeer_id = 2")
	has(t, r, "[[database.peers]]\nid = 1\naddress = \"/run/a/.s.PGSQL.6432\"", "[[database.peers]]\nid = 2\naddress = \"10.0.0.2:7000\"", "[[database.peers]]\nid = 3\naddress = \"h:6432\"")
}

func TestSectionsThatPgBouncerRefusesAreRefused(t *testing.T) {
	t.Parallel()
	f := func(ini, want string) {
		t.Helper()
		if _, err := importFiles(ini); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", ini, err, want)
		}
	}
	f("[nonsense]\na=1", main+":2: no such section: [nonsense]")
	f("[databases]\na=host", main+":2: a: no key=value at the beginning")
	f("[pgbouncer]\nauth_file=none", "open /etc/pgbouncer/none: file does not exist")
}

func TestAliasesAreTheNamesThatMeanTheSame(t *testing.T) {
	t.Parallel()
	got := map[string]Alias{}
	for _, a := range Aliases() {
		got[a.Name] = a
	}
	f := func(name, key, value string, want any) {
		t.Helper()
		a, ok := got[name]
		if !ok || a.Key != key {
			t.Fatalf("%s is %q, want %q", name, a.Key, key)
		}
		if v, err := a.Convert(value); err != nil || fmt.Sprint(v) != fmt.Sprint(want) {
			t.Errorf("%s = %s is %v (%v), want %v", name, value, v, err, want)
		}
	}
	f("pool_mode", "database.endpoints.mode", "statement", "transaction")
	f("default_pool_size", "database.options.pool.max_size", "30", 30)
	f("min_pool_size", "database.options.pool.min_size", "3", 3)
	f("query_wait_timeout", "database.options.pool.timeout", "2.5", "2.5s")
	f("server_lifetime", "database.options.pool.max_lifetime", "3600", "1h")
	f("server_idle_timeout", "database.options.pool.max_idle", "0", "0s")
	f("max_client_conn", "database.max_clients", "100", 100)
	f("server_connect_timeout", "database.connect_timeout", "15", "15s")
	f("client_login_timeout", "database.login_timeout", "60", "1m")
	f("max_prepared_statements", "database.prepared_statements", "5", 5)
	f("tcp_keepidle", "database.keepalive", "30", "30s")
	f("tcp_user_timeout", "database.user_timeout", "1500", "1.5s")
	f("auth_file", "database.auth.file", "/a", "/a")
	f("auth_query", "database.auth.query", "select $1", "select $1")
	f("admin_users", "database.admins", "a,b", []string{"a", "b"})
	f("server_tls_sslmode", "database.sslmode", "require", "require")
	if !got["pool_mode"].Each || got["default_pool_size"].Each {
		t.Error("a mode is of each endpoint, a size is not")
	}
	if _, err := got["server_lifetime"].Convert("0"); err == nil {
		t.Error("server_lifetime = 0 means a connection for one use, and is taken for no limit")
	}
}

// S0-17: what min_pool_size becomes is said, and where it can do nothing it is not carried over.
func TestConnectionsBeforehandAreCarriedOverWithARemark(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=h min_pool_size=2\n* = host=h min_pool_size=3\n[pgbouncer]\nmin_pool_size=1")
	has(t, r, "min_size = 1 # min_pool_size", "[database.routes.a]\nmin_size = 2 # min_pool_size")
	hasNot(t, r, "min_size = 3")
	carried := map[string]bool{}
	for _, m := range r.Remarks {
		if strings.Contains(m.Setting, "min_pool_size") {
			carried[m.Setting] = m.Carried
		}
	}
	want := map[string]bool{"min_pool_size": true, "databases.a: min_pool_size": true, "databases.*: min_pool_size": false}
	if !maps.Equal(carried, want) {
		t.Errorf("%v, want %v", carried, want)
	}
}

// What is said of dead connections there is said by keepalive and user_timeout here, where it means the same; the rest is named.
func TestTimesOfDeadConnectionsAreCarriedOver(t *testing.T) {
	t.Parallel()
	r := convert(t, "[pgbouncer]\ntcp_keepalive = 1\ntcp_keepidle = 30\ntcp_keepintvl = 10\ntcp_keepcnt = 5\ntcp_user_timeout = 12500")
	has(t, r, `keepalive = "30s" # tcp_keepidle`, `user_timeout = "12.5s" # tcp_user_timeout`)
	says(t, r, "tcp_keepidle@3: it is also the time between probes", "tcp_keepintvl@4: it is keepalive", "tcp_keepcnt@5: three probes may stay unanswered")
	f := func(ini string, want ...string) {
		t.Helper()
		r := convert(t, "[pgbouncer]\n"+ini)
		has(t, r, want...)
		if i := slices.IndexFunc(r.Remarks, func(m Remark) bool { return strings.HasPrefix(m.Setting, "tcp_") }); i >= 0 {
			t.Errorf("%s: a remark where nothing is different: %+v", ini, r.Remarks[i])
		}
	}
	f("tcp_keepidle = 20\ntcp_keepintvl = 20\ntcp_keepcnt = 3", `keepalive = "20s" # tcp_keepidle`)
	f("tcp_user_timeout = 0", `user_timeout = "0s" # tcp_user_timeout`) // the system's in both
	f("tcp_keepidle = 0\ntcp_keepintvl = 0\ntcp_keepcnt = 0\ntcp_keepalive = 1")
	says(t, convert(t, "[pgbouncer]\ntcp_user_timeout = soon\ntcp_keepalive = 0"), `tcp_user_timeout@2: "soon" is not a number of milliseconds`, "tcp_keepalive@3: probes")
}

// The limit of a user becomes one over all pools, as it is there.
func TestTheLimitOfAUserIsCarriedOver(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\na = host=h\n[users]\njournal = max_user_connections=5\nfree = max_user_connections=0\n[pgbouncer]\nmax_user_connections=9")
	has(t, r, "max_user_connections = 9 # max_user_connections", "[database.users.journal]\nmax_connections = 5 # max_user_connections")
	hasNot(t, r, "users.free")
	says(t, r, "users.free: max_user_connections@5: leave max_user_connections")
}
