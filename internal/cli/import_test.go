package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/pgbouncer"
)

// everything has all that is carried over, but certificates.
const everything = `[databases]
journal = host=db1.local,db2.local pool_size=50 min_pool_size=2 max_db_connections=80
stats = host=db3.local port=5433 dbname=journal_stats user=reader password='it''s'
"my db" = host=db1.local,db2.local
[users]
batch = max_user_connections=5 query_timeout=3600 query_wait_timeout=60 idle_transaction_timeout=9 reserve_pool_size=1
[peers]
1 = host=10.0.0.1
2 = host=10.0.0.2 port=6433
[pgbouncer]
peer_id = 1
listen_addr = 127.0.0.1, ::1
listen_port = 6432
unix_socket_dir = run
unix_socket_mode = 0770
auth_type = hba
auth_hba_file = hba
auth_file = userlist.txt
auth_user = asker
auth_query = SELECT usename, passwd FROM pgbouncer.lookup($1)
admin_users = postgres, boss
stats_users = exporter
pool_mode = transaction
default_pool_size = 40
min_pool_size = 4
max_client_conn = 3000
max_prepared_statements = 50
max_user_connections = 30
query_timeout = 60
query_wait_timeout = 5
server_lifetime = 3600
server_idle_timeout = 600
server_connect_timeout = 3
client_login_timeout = 10
idle_transaction_timeout = 60
server_tls_sslmode = require
ignore_startup_parameters = extra_float_digits
`

const everyRule = `local all postgres trust
host replication repl 10.0.0.0/8 scram-sha-256
hostssl all all 0.0.0.0/0 scram-sha-256
hostssl all all ::/0 ldap ldapserver=ldap.local ldapscheme=ldaps ldapbasedn="dc=x" ldapbinddn="cn=r" ldapbindpasswd=pw1
host all +staff all md5
`

// imported writes the files and the secrets that the output names, and returns the directory.
func imported(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pgbouncer.ini": everything, "hba": everyRule,
		"userlist.txt":  `"asker" "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="` + "\n" + `"postgres" "hunter2"`,
		"secrets/asker": "correct-horse-battery", "secrets/reader": "staple-of-the-horse", "secrets/postgres": "battery-correct-staple", "secrets/ldap": "horse-staple-battery",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
	}
	return dir
}

// What the import prints is a configuration that Holdfast takes: each key is one, and each value can be.
func TestWhatIsImportedFromPgBouncerLoads(t *testing.T) {
	t.Parallel()
	dir := imported(t)
	r := run(nil, "import", "pgbouncer", filepath.Join(dir, "pgbouncer.ini"))
	r.expect(t, 0)
	write(t, filepath.Join(dir, "holdfast.toml"), r.stdout)
	run([]string{"HOLDFAST_CONFIG=" + filepath.Join(dir, "holdfast.toml")}, "check", "--offline").expect(t, 0, "ok    configuration")
}

func TestImportTellsTheStoryOnStandardError(t *testing.T) {
	t.Parallel()
	ini := filepath.Join(imported(t), "pgbouncer.ini")
	r := run(nil, "import", "pgbouncer", ini)
	for _, want := range []string{
		"\nnot carried over:\n", ini + ":37: ignore_startup_parameters\n    → parameters of a log-in", filepath.Join(filepath.Dir(ini), "hba") + ":5: auth_hba_file\n    → the members of a role are not known",
		"\ncarried over, but look at it:\n", ": auth_user\n    → write the password of asker into secrets/asker\n",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("%q is not in\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stdout, "→") || !strings.HasPrefix(r.stdout, "# What PgBouncer's configuration says") {
		t.Errorf("standard output is not the answer alone:\n%s", r.stdout)
	}
	for _, secret := range []string{"it's", "hunter2", "pw1"} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("the secret %s is printed", secret)
		}
	}
}

func TestImportPrintsOneObjectAsJSON(t *testing.T) {
	t.Parallel()
	r := run(nil, "import", "pgbouncer", filepath.Join(imported(t), "pgbouncer.ini"), "--json")
	var answer pgbouncer.Result
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || r.code != 0 || r.stderr != "" {
		t.Fatalf("exit %d, %v: %s", r.code, err, r.stderr)
	}
	if !strings.Contains(answer.TOML, "\n[database.routes.stats]\n") || len(answer.Remarks) < 5 || answer.Remarks[0].Text == "" {
		t.Errorf("%+v", answer)
	}
}

func TestImportSaysWhatIsWrongWithTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.ini"), "[databases]\nnonsense\n")
	run(nil, "import", "pgbouncer", filepath.Join(dir, "none.ini")).expect(t, 4, "holdfast: import: open "+dir+"/none.ini: ")
	run(nil, "import", "pgbouncer", filepath.Join(dir, "x.ini")).expect(t, 3, "x.ini:2: neither a section nor key = value")
	run(nil, "import", "pgbouncer").expect(t, 2)
	run(nil, "import", "pgcat", "x").expect(t, 2, "import: no such command: pgcat")
}
