package pgbouncer

import (
	"strings"
	"testing"
)

// rules imports an HBA file and returns the rules as they are written.
func rules(t *testing.T, hba string, more ...string) (string, Result) {
	t.Helper()
	r := convert(t, "[databases]\n* = host=x\n[pgbouncer]\nauth_type = hba\nauth_hba_file = hba\nauth_file = users\nauth_ident_file = ident\n",
		append([]string{"/etc/pgbouncer/hba", hba, "/etc/pgbouncer/users", "\"a\" \"\"\n\"b\" \"\"", "/etc/pgbouncer/ident", "m root a\nm 'x b\nm dba all\nn joe c\n"}, more...)...)
	_, text, _ := strings.Cut(r.TOML, "# /etc/pgbouncer/hba")
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, " = ") {
			lines = append(lines, line)
		} else if line == "[[database.rules]]" {
			lines = append(lines, "-")
		}
	}
	return strings.Join(lines, "; "), r
}

// unruled is what rules returns of a file without any.
const unruled = ""

func TestLinesOfAnHBAFileBecomeRules(t *testing.T) {
	t.Parallel()
	f := func(hba, want string) {
		t.Helper()
		if got, r := rules(t, hba); got != want {
			t.Errorf("%s\n%s\nwant\n%s\n%s\n%+v", hba, got, want, r.TOML, r.Remarks)
		}
	}
	f("# nothing\n\n", unruled)
	f("host all all 10.0.0.0/8 scram-sha-256", `-; addresses = ["10.0.0.0/8"]; method = "scram"`)
	f("hostssl db1,\"db 2\" a, b 10.1.2.3/8 scram-sha-256 # why", `-; databases = ["db1", "db 2"]; users = ["a", "b"]; addresses = ["10.0.0.0/8"]; tls = true; method = "scram"`)
	f("host \"all\" all 10.0.0.1 255.255.0.0 reject", `-; databases = ["all"]; addresses = ["10.0.0.0/16"]; method = "reject"`)
	f("host replication all all md5", `-; databases = ["replication"]; addresses = ["0.0.0.0/0", "::/0"]; method = "scram"`)
	f("local all all peer", `-; users = ["a", "b"]; addresses = ["local"]; method = "peer"; server_user = "$user"`)
	f("local all all trust", `-; users = ["a", "b"]; addresses = ["local"]; method = "trust"; server_user = "$user"`)
	f("host all a 127.0.0.1/32 trust", `-; users = ["a"]; addresses = ["127.0.0.1/32"]; method = "trust"; server_user = "$user"`)
	f("host all a 0.0.0.0/0 trust", `-; users = ["a"]; addresses = ["loopback"]; method = "trust"; server_user = "$user"`)
	f("hostssl all a,x all cert", `-; users = ["a"]; addresses = ["0.0.0.0/0", "::/0"]; tls = true; method = "cert"; server_user = "$user"`)
	f("local all a peer map=m", `-; users = ["a"]; addresses = ["local"]; method = "peer"; identities = ["dba", "root"]; server_user = "$user"; -; users = ["a"]; addresses = ["local"]; method = "peer"; identities = ["dba"]; server_user = "$user"`)
	const nobody = `-; addresses = ["0.0.0.0/0"]; no_tls = true; method = "reject"`
	f("hostnossl all all 0.0.0.0/0 reject", nobody)
	f("hostnossl all all 0.0.0.0/0 reject\nhost all all 10.0.0.0/8 scram-sha-256", nobody+`; -; addresses = ["10.0.0.0/8"]; method = "scram"`)
	f("hostnossl all a 10.0.0.0/8 scram-sha-256", `-; users = ["a"]; addresses = ["10.0.0.0/8"]; no_tls = true; method = "scram"`)
	f("host @names all ::1/128 scram-sha-256", unruled) // the file does not exist
}

// A rule that lets somebody in and cannot be said is left out; one that refuses is said more strictly.
func TestWhatCannotBeSaidNeverLetsMorePeopleIn(t *testing.T) {
	t.Parallel()
	f := func(hba, want, remark string) {
		t.Helper()
		got, r := rules(t, hba)
		if got != want {
			t.Errorf("%s\n%s\nwant\n%s", hba, got, want)
		}
		says(t, r, "auth_hba_file@1: "+remark)
	}
	f("hostnossl all all all cert", unruled, "certificates are shown inside TLS")
	f("hostnossl sameuser a all reject", `-; users = ["a"]; addresses = ["0.0.0.0/0", "::/0"]; no_tls = true; method = "reject"`, "sameuser is not known: name databases and users; the rule refuses more")
	f("host sameuser all all scram-sha-256", unruled, "sameuser is not known")
	f("host sameuser a all reject", `-; users = ["a"]; addresses = ["0.0.0.0/0", "::/0"]; method = "reject"`, "sameuser is not known: name databases and users; the rule refuses more")
	f("host all +staff all scram-sha-256", unruled, "the members of a role are not known")
	f("host all all db.local scram-sha-256", unruled, "addresses are numbers: db.local is not carried over")
	f("host all all samenet reject", `-; method = "reject"`, "addresses are numbers: samenet is not carried over; the rule refuses more")
	f("host all all 10.0.0.1 255.0.255.0 scram-sha-256", unruled, "the mask 255.0.255.0 has holes")
	f("host all all 10.0.0.1 scram-sha-256", unruled, "the address has no mask")
	f("host all all 10.0.0.1", unruled, "PgBouncer does not understand this line")
	f("host all all all pam", unruled, "the method pam is not offered")
	f("host all all 10.0.0.0/8 trust", unruled, "a client without proof is let in from this machine only")
	f("local all c peer", unruled, "no rule for the method peer: PgBouncer knows none of its users") // PgBouncer knows no user c
	f("local all b peer map=n", unruled, "the map n has no lines for these users")
	f("host all all all md5", `-; addresses = ["0.0.0.0/0", "::/0"]; method = "scram"`, "md5 is not offered")
	f("hostssl all all all scram-sha-256 clientcert=1", `-; addresses = ["0.0.0.0/0", "::/0"]; tls = true; method = "scram"`, "the option clientcert is not carried over")
	f("nonsense", unruled, "PgBouncer does not understand this line")
}

func TestNamesOfAnHBAFileStandInFiles(t *testing.T) {
	t.Parallel()
	got, _ := rules(t, "host @dbs/list @/abs ::1/128 scram-sha-256", "/etc/pgbouncer/dbs/list", "one two, three\n# no\n\"four 4\"", "/abs", "joe")
	if want := `-; databases = ["one", "two", "three", "four 4"]; users = ["joe"]; addresses = ["::1/128"]; method = "scram"`; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestTheMethodOfAllClientsIsARule(t *testing.T) {
	t.Parallel()
	f := func(ini string, lines ...string) Result {
		t.Helper()
		r := convert(t, "[databases]\na = host=x user=u\n[pgbouncer]\nauth_file = users\n"+ini, "/etc/pgbouncer/users", "\"a\" \"x\"\n\"b\" \"\"")
		has(t, r, lines...)
		return r
	}
	f("auth_type = scram-sha-256", "databases = [\"a\"]\nmethod = \"scram\"")
	says(t, f("", `method = "scram"`), "auth_type@0: md5 is not offered")
	says(t, f("auth_type = plain", `method = "scram"`), "auth_type@5: passwords in clear are not taken")
	f("auth_type = cert", `users = ["a", "b"]`, `method = "cert"`)
	says(t, f("auth_type = trust", "users = [\"a\", \"b\"]\naddresses = [\"local\", \"loopback\"]\nmethod = \"trust\"\nserver_user = \"$user\"", "[database.auth.server_users.a]"), "auth_type@5: a client without proof")
	hasNot(t, f("auth_type = any", "databases = [\"a\"]\naddresses = [\"local\", \"loopback\"]\nmethod = \"trust\"\nserver_user = \"u\""), "users =")
	r := f("auth_type = pam")
	says(t, r, "auth_type@5: the method pam is not offered")
	hasNot(t, r, "[[database.rules]]")
	says(t, f("auth_hba_file = x\nauth_query = q\nauth_ldap_options = z"), "auth_hba_file@5: PgBouncer uses it with auth_type = hba only", "auth_query@6: PgBouncer does not use it without auth_user",
		"auth_ldap_options@7: PgBouncer uses it with auth_type = ldap only")
	says(t, convert(t, "[pgbouncer]\nauth_type = trust"), "auth_type@2: no rule for the method trust: PgBouncer knows none of its users")
}

func TestDirectoriesAreCarriedOver(t *testing.T) {
	t.Parallel()
	f := func(options string, lines ...string) Result {
		t.Helper()
		r := convert(t, "[databases]\n* = host=x\n[pgbouncer]\nauth_type = ldap\nauth_ldap_options = "+options)
		has(t, r, append(lines, `method = "ldap"`, `server_user = "$user"`)...)
		return r
	}
	says(t, f(`ldapurl="ldap://127.0.0.1:12345/dc=example,dc=net?uid?sub"`,
		"[database.auth.ldap]\nurls = [\"ldap://127.0.0.1:12345\"]\nsearch_base = \"dc=example,dc=net\"\nsearch_filter = \"(uid=$username)\""),
		"ldap@4: passwords go to a directory by ldaps://", "ldap@4: passwords in clear are taken inside TLS")
	f(`ldapserver="a b" ldapport=636 ldapscheme=ldaps ldapprefix="uid=" ldapsuffix=",ou=people"`,
		"urls = [\"ldaps://a:636\", \"ldaps://b:636\"]\nbind_pattern = \"uid=$username,ou=people\"")
	r := f(`ldapserver=h ldaptls=1 ldapbasedn="dc=x" ldapbinddn="cn=r" ldapbindpasswd=hunter2 ldapsearchfilter="(mail=$username)"`,
		"urls = [\"ldap://h\"]\nstart_tls = true\nsearch_base = \"dc=x\"\nsearch_filter = \"(mail=$username)\"\nsearch_dn = \"cn=r\"\nsearch_password_file = \"secrets/ldap\"")
	hasNot(t, r, "hunter2")
	says(t, r, "ldapbindpasswd@4: write the password into secrets/ldap")
	_, r = rules(t, "hostssl all all all ldap ldapserver=a ldapsuffix=\"x\"\nhostssl all b all ldap ldapserver=b")
	has(t, r, `urls = ["ldap://a"]`)
	says(t, r, "ldap@2: there is one directory for all rules")
}

// Where nobody gets in without TLS, a line for clients without it is for nobody: the usual reject must not refuse everybody below it.
func TestALineForClientsWithoutTLSIsForNobodyWhereTLSIsRequired(t *testing.T) {
	t.Parallel()
	r := convert(t, "[databases]\n* = host=x\n[pgbouncer]\nauth_type = hba\nauth_hba_file = hba\nclient_tls_sslmode = verify-full\ntcp_keepidle = 20\ntcp_user_timeout = 12500\n",
		"/etc/pgbouncer/hba", "hostnossl all all 0.0.0.0/0 reject\nhostnossl all all all scram-sha-256\nhostssl all all 10.0.0.0/8 scram-sha-256")
	if strings.Contains(r.TOML, "reject") || strings.Contains(r.TOML, "no_tls") || strings.Count(r.TOML, "[[database.rules]]") != 1 {
		t.Errorf("the rules:\n%s", r.TOML)
	}
	says(t, r, "auth_hba_file@1: client_tls_sslmode lets nobody in without TLS")
	for _, want := range []string{`keepalive = "20s"`, `user_timeout = "12.5s"`} {
		if !strings.Contains(r.TOML, want) {
			t.Errorf("no %s in\n%s", want, r.TOML)
		}
	}
}
