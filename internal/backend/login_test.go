package backend_test

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/backend"
	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/scram"
)

// S0-15: start-up parameters reach the server as they are.
func TestASessionHasTheParametersOfItsLogin(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	l := superuser(db.Name)
	l.Params = []pgwire.Param{
		{Name: "application_name", Value: "a b"}, {Name: "options", Value: `-c work_mem=5MB -c DateStyle=SQL,\ DMY`},
	}
	c := dial(t, socketOf(db.Server), l)
	for sql, want := range map[string]string{
		"SHOW application_name": "a b", "SHOW work_mem": "5MB", "SHOW DateStyle": "SQL, DMY", "SELECT current_database()": db.Name,
	} {
		if got := one(t, c, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	if v, ok := c.Param("application_name"); v != "a b" || !ok {
		t.Errorf("application_name is reported as %q, %v", v, ok)
	}
	if c.PID() == 0 || len(c.Key()) != 4 || c.Status() != pgwire.Idle || c.Minor() != 0 || c.Encrypted() || c.Opened().IsZero() {
		t.Errorf("pid %d, key of %d bytes, status %c, minor %d", c.PID(), len(c.Key()), c.Status(), c.Minor())
	}
}

func TestAServerThatKnowsOnlyProtocol30IsFine(t *testing.T) {
	t.Parallel()
	l := superuser("postgres")
	l.Minor = 2
	c := dial(t, socketOf(pgtest.Server(t)), l)
	want := uint16(0)
	if pgtest.Server(t).Major >= 18 {
		want = 2
	}
	if c.Minor() != want {
		t.Errorf("minor %d, want %d", c.Minor(), want)
	}
	if got := one(t, c, "SELECT 1"); got != "1" {
		t.Errorf("SELECT 1: %q", got)
	}
}

// Trap 12: keys of cancel requests have 4 to 256 bytes in protocol 3.2.
func TestALongCancelKeyIsKeptWhole(t *testing.T) {
	t.Parallel()
	key := []byte(strings.Repeat("k", 256))
	asked := make(chan pgwire.Startup, 2)
	target := serve(t, func(p *peer) {
		s := p.packet()
		asked <- s
		if s.Kind == pgwire.CancelRequest {
			return
		}
		b := pgwire.AppendBackendKeyData(pgwire.AppendAuthOK(nil), 7, key)
		p.send(pgwire.AppendReadyForQuery(b, pgwire.Idle))
		p.rest()
	})
	c := dial(t, target, backend.Login{User: "u", Minor: 2})
	if s := <-asked; s.Version != pgwire.Version32 || c.Minor() != 2 || string(c.Key()) != string(key) {
		t.Errorf("asked for %s, got minor %d and a key of %d bytes", s.Version, c.Minor(), len(c.Key()))
	}
	if err := c.Cancel(within(t)); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	if s := <-asked; s.Kind != pgwire.CancelRequest || s.PID != 7 || string(s.Key) != string(key) {
		t.Errorf("the cancel request is %+v", s)
	}
}

// passwords makes a server whose roles need passwords, with and without TLS.
func passwords(t *testing.T) *pgtest.PG {
	t.Helper()
	s := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA(
		"host all old 127.0.0.1/32 md5", "host all plain 127.0.0.1/32 password", "local all plain password",
		"hostssl all tls 127.0.0.1/32 scram-sha-256", "hostnossl all bare 127.0.0.1/32 scram-sha-256",
		"host all trusted 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256", "local all all scram-sha-256",
	))
	s.Exec(t, "CREATE ROLE app LOGIN PASSWORD 'pässwort'", "CREATE ROLE plain LOGIN PASSWORD 'clear'",
		"CREATE ROLE tls LOGIN PASSWORD 'x'", "CREATE ROLE bare LOGIN PASSWORD 'x'", "CREATE ROLE trusted LOGIN",
		"CREATE ROLE locked NOLOGIN PASSWORD 'x'", "SET password_encryption = 'md5'")
	conn := dial(t, socketOf(s), superuser("postgres"))
	if err := conn.Exec(within(t), "SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'x'"); err != nil {
		t.Fatal(err)
	}
	return s
}

func app() backend.Login {
	return backend.Login{User: "app", Database: "postgres", Credential: password("pässwort")}
}

func TestLoggingInWithPasswords(t *testing.T) {
	t.Parallel()
	s := passwords(t)
	require := &backend.TLSConfig{Mode: backend.TLSRequire}
	t.Run("SCRAM by socket, by TCP, and bound to TLS", func(t *testing.T) { logInBySCRAM(t, s, require) })
	t.Run("keys take the place of the password", func(t *testing.T) { logInByKeys(t, s, require) })
	t.Run("a clear-text password needs TLS or a socket, and leave", func(t *testing.T) { logInClear(t, s, require) })
	t.Run("required channel binding is not given up", func(t *testing.T) {
		l := app()
		l.ChannelBinding = backend.BindingRequire
		e := dialFails(t, tcpOf(s, nil), l)
		if fault.CodeOf(e) != "backend_unbound" || !e.Permanent() {
			t.Errorf("without TLS: %v", e)
		}
		l.User = "trusted"
		if e := dialFails(t, tcpOf(s, require), l); fault.CodeOf(e) != "backend_unbound" {
			t.Errorf("by trust: %v", e)
		}
	})
	t.Run("a wrong password is final", func(t *testing.T) {
		l := app()
		l.Credential = password("wrong")
		e := dialFails(t, tcpOf(s, require), l)
		if e.SQLSTATE != "28P01" || !e.Permanent() || fault.KindOf(e) != fault.Denied ||
			!strings.Contains(fault.HintOf(e), "password") || strings.Contains(e.Error(), "wrong") {
			t.Errorf("error %v, SQLSTATE %s", e, e.SQLSTATE)
		}
		l.Credential = scram.Credential{}
		if e := dialFails(t, tcpOf(s, require), l); fault.CodeOf(e) != "backend_no_password" || !e.Permanent() {
			t.Errorf("without a password: %v", e)
		}
	})
	t.Run("what does not exist is final", func(t *testing.T) {
		l := app()
		l.Database = "nowhere"
		if e := dialFails(t, socketOf(s), l); e.SQLSTATE != "3D000" || !e.Permanent() {
			t.Errorf("database: %v", e)
		}
		l = backend.Login{User: "locked", Database: "postgres", Credential: password("x")}
		if e := dialFails(t, socketOf(s), l); e.SQLSTATE != "28000" || !e.Permanent() {
			t.Errorf("NOLOGIN: %v", e)
		}
	})
	t.Run("MD5 is refused with advice", func(t *testing.T) {
		l := backend.Login{User: "old", Database: "postgres", Credential: password("x")}
		e := dialFails(t, tcpOf(s, require), l)
		if fault.CodeOf(e) != "backend_md5" || !strings.Contains(fault.HintOf(e), "scram-sha-256") || !e.Permanent() {
			t.Errorf("error %v", e)
		}
	})
}

func logInBySCRAM(t *testing.T, s *pgtest.PG, require *backend.TLSConfig) {
	for _, target := range []backend.Target{socketOf(s), tcpOf(s, nil), tcpOf(s, require)} {
		for _, binding := range []backend.ChannelBinding{backend.BindingPrefer, backend.BindingDisable} {
			l := app()
			l.ChannelBinding = binding
			if got := one(t, dial(t, target, l), "SELECT current_user"); got != "app" {
				t.Errorf("%s: %q", target.Address, got)
			}
		}
	}
	l := app()
	l.ChannelBinding = backend.BindingRequire
	c := dial(t, tcpOf(s, require), l)
	if !c.Encrypted() || !strings.HasPrefix(c.Cipher(), "TLS 1.3/") {
		t.Errorf("cipher %q", c.Cipher())
	}
}

// logInByKeys is pass-through: the keys that a client's proof yields open the door to the server.
func logInByKeys(t *testing.T, s *pgtest.PG, require *backend.TLSConfig) {
	verifier := one(t, dial(t, socketOf(s), superuser("postgres")), "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'")
	keys, err := scram.ParseVerifier(verifier)
	if err != nil {
		t.Fatal(err)
	}
	binding := scram.Binding{}
	client, server := scram.NewClient(password("pässwort"), binding), scram.NewServer(keys, binding)
	if _, err := client.Mechanism(server.Mechanisms()); err != nil {
		t.Fatal(err)
	}
	first, err := server.First(scram.Mechanism, client.First())
	if err != nil {
		t.Fatal(err)
	}
	final, err := client.Final(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Final(final); err != nil {
		t.Fatal(err)
	}
	l := app()
	l.Credential = scram.Credential{ClientKey: server.ClientKey(), ServerKey: keys.ServerKey}
	if got := one(t, dial(t, tcpOf(s, require), l), "SELECT current_user"); got != "app" {
		t.Errorf("logged in as %q", got)
	}
}

func logInClear(t *testing.T, s *pgtest.PG, require *backend.TLSConfig) {
	l := backend.Login{User: "plain", Database: "postgres", Credential: password("clear")}
	for _, target := range []backend.Target{tcpOf(s, require), socketOf(s), tcpOf(s, nil)} {
		if e := dialFails(t, target, l); fault.CodeOf(e) != "backend_cleartext" {
			t.Errorf("without leave, %s: %v", target.Address, e)
		}
	}
	l.Cleartext = true
	for _, target := range []backend.Target{tcpOf(s, require), socketOf(s)} {
		if got := one(t, dial(t, target, l), "SELECT current_user"); got != "plain" {
			t.Errorf("%s: logged in as %q", target.Address, got)
		}
	}
	if e := dialFails(t, tcpOf(s, nil), l); fault.CodeOf(e) != "backend_cleartext" {
		t.Errorf("with leave but without TLS: %v", e)
	}
}

// Trap 20: 53300 and 57P03 pass, 28P01 does not.
func TestAFullServerIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.Setting("max_connections", "4"), pgtest.Setting("superuser_reserved_connections", "0"),
		pgtest.Setting("max_wal_senders", "0"))
	var e *backend.Error
	for range 5 {
		c, err := backend.Dial(within(t), socketOf(s), superuser("postgres"))
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			break
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	if e == nil || e.SQLSTATE != "53300" || e.Permanent() || fault.KindOf(e) != fault.Unavailable {
		t.Errorf("error %v", e)
	}
}

func TestAServerThatIsDownIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TCP())
	s.Stop(t)
	for _, target := range []backend.Target{socketOf(s), tcpOf(s, nil)} {
		e := dialFails(t, target, superuser("postgres"))
		if e.Permanent() || fault.CodeOf(e) != "backend_unreachable" || e.SQLSTATE != "" || e.SQLState() != "57P03" {
			t.Errorf("error %v, SQLState %s", e, e.SQLState())
		}
	}
}
