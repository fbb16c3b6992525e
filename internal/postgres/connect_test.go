package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

func TestConnectedSessionsAreNamedAndEveryWaitInThemHasALimit(t *testing.T) { // S0-12
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	for name, want := range map[string]string{
		"application_name":                    "holdfast",
		"search_path":                         "",
		"statement_timeout":                   "30s",
		"lock_timeout":                        "10s",
		"idle_in_transaction_session_timeout": "1min",
	} {
		var got string
		if err := db.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
	if s := db.Stats(); s.Max != 8 || s.Open < 1 || s.Busy != 0 {
		t.Errorf("stats: %+v", s)
	}
}

func TestAPrimarySaysSo(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	r, err := connect(t, settings(d)).Role(t.Context())
	if err != nil || !r.Primary || r.Timeline != 1 || r.Major() != d.Server.Major {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestAReplicaIsNoPrimaryUntilItIsPromoted(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	s.Stop(t)
	s.Standby(t)
	s.Start(t)
	c := DefaultConfig()
	c.Host, c.Port, c.Name, c.Username = s.Host, s.Port, "postgres", s.User
	db := connect(t, c)
	r, err := db.Role(t.Context())
	if err != nil || r.Primary || r.Timeline != 1 {
		t.Fatalf("replica: %+v, %v", r, err)
	}
	_, err = db.Exec(t.Context(), "CREATE TABLE public.nope ()")
	wantFault(t, err, "database_read_only")
	s.Exec(t, "SELECT pg_promote()")
	r, err = db.Role(t.Context())
	if err != nil || !r.Primary || r.Timeline != 2 {
		t.Fatalf("promoted: %+v, %v", r, err)
	}
}

// Row S0-03: what is not PostgreSQL is recognised within the connect timeout, and told as such.
func TestAServerThatSpeaksSomethingElseIsRecognised(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name, says, quoted string
	}{
		{"web", "HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "HTTP/1.1 400"},
		{"ssh", "SSH-2.0-OpenSSH_9.2\r\n", "SH-2.0"},
		{"mysql", "J\x00\x00\x00\x0a8.0.36\x00", "8.0.36"},
		{"memcached", "ERROR\r\n", "RROR"},
		{"redis", "-ERR unknown command\r\n", "-ERR"},
		{"smtp", "220 mail.example.com ESMTP\r\n", "220 mail"},
	} {
		for _, sslmode := range []string{"disable", "prefer", "require"} {
			t.Run(s.name+" with sslmode "+sslmode, func(t *testing.T) {
				t.Parallel()
				addr := speaker(t, s.says)
				within(t, 3*time.Second, func(ctx context.Context) {
					_, err := Connect(ctx, overTCP(addr.(*net.TCPAddr).Port, sslmode))
					wantFault(t, err, "database_not_postgres")
					if sslmode != "require" && !strings.Contains(err.Error(), s.quoted) {
						t.Errorf("does not quote what it said: %v", err)
					}
				})
			})
		}
	}
}

func TestAServerThatSaysNothingFailsWithinTheConnectTimeout(t *testing.T) { // S0-03
	t.Parallel()
	web := httptest.NewServer(http.NotFoundHandler()) // waits for the end of a line, which we never send
	t.Cleanup(web.Close)
	for name, addr := range map[string]net.Addr{"mute": speaker(t, ""), "web": web.Listener.Addr()} {
		c := overTCP(addr.(*net.TCPAddr).Port, "prefer")
		c.ConnectTimeout = seconds(0.3)
		within(t, 2*time.Second, func(ctx context.Context) {
			_, err := Connect(ctx, c)
			wantFault(t, err, "database_timeout")
			if !strings.Contains(fault.HintOf(err), "is it PostgreSQL that listens there?") {
				t.Errorf("%s: the hint does not say what may be wrong: %s", name, fault.HintOf(err))
			}
		})
	}
}

// speaker listens, says its line to everybody who comes, and then only listens.
func speaker(t *testing.T, line string) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		var open []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, conn)
			_, _ = io.WriteString(conn, line)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	return l.Addr()
}

func TestServersOfOtherVersionsAndMakesAreRefused(t *testing.T) { // S0-03
	t.Parallel()
	for name, status := range map[string]map[string]string{
		"old":          {"server_version": "12.22 (Debian 12.22-1)"},
		"very old":     {"server_version": "9.6.24"},
		"untested":     {"server_version": "19devel"},
		"CockroachDB":  {"server_version": "13.0.0", "crdb_version": "CockroachDB CCL v23.1"},
		"YugabyteDB":   {"server_version": "15.2-YB-2025.1.0.0-b0"},
		"Redshift":     {"server_version": "8.0.2"},
		"says nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Connect(t.Context(), overTCP(scripted(t, status), "disable"))
			wantFault(t, err, "database_unsupported")
			if !strings.Contains(fault.HintOf(err), "13 to 18") {
				t.Errorf("the hint does not tell the versions: %s", fault.HintOf(err))
			}
		})
	}
}

// scripted is a server that lets everybody in, tells the parameters, and ends with the first client.
func scripted(t *testing.T, status map[string]string) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b := pgproto3.NewBackend(conn, conn)
			_, _ = b.ReceiveStartupMessage()
			b.Send(&pgproto3.AuthenticationOk{})
			for name, value := range status {
				b.Send(&pgproto3.ParameterStatus{Name: name, Value: value})
			}
			b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			_ = b.Flush()
			_, _ = b.Receive() // until the client leaves
			_ = conn.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

func TestVersionsAreRead(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"15.18 (Debian 15.18-0+deb12u1)": 15, "18": 18, "17beta2": 17, "": 0, "x": 0} {
		if got := majorOf(version); got != want {
			t.Errorf("%q: got %d, want %d", version, got, want)
		}
	}
}

func TestEachReasonNotToGetInHasItsOwnCodeAndHint(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TCP(), pgtest.Setting("max_connections", "5"), pgtest.Setting("superuser_reserved_connections", "2"), pgtest.HBA(
		"host postgres app 127.0.0.1/32 scram-sha-256",
		"host missing app 127.0.0.1/32 scram-sha-256",
		"hostssl template1 app 127.0.0.1/32 scram-sha-256",
	))
	s.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+sesame+"'")
	for name, test := range map[string]struct {
		change func(*Config)
		code   string
	}{
		"wrong password":      {func(c *Config) { c.Password = secret.New(sesame + "x") }, "database_password"},
		"unknown role":        {func(c *Config) { c.Username = "nobody_here" }, "database_not_allowed"},
		"unknown database":    {func(c *Config) { c.Name = "missing" }, "database_unknown"},
		"no line in pg_hba":   {func(c *Config) { c.Name = "template0" }, "database_not_allowed"},
		"TLS required there":  {func(c *Config) { c.Name = "template1" }, "database_not_allowed"},
		"TLS required here":   {func(c *Config) { c.SSLMode = "require" }, "database_tls"},
		"nobody on the port":  {func(c *Config) { c.Port = unusedPort(t) }, "database_refused"},
		"no such socket":      {func(c *Config) { c.Host = t.TempDir() }, "database_refused"},
		"no such host":        {func(c *Config) { c.Host = "nowhere.invalid" }, "database_unknown_host"},
		"certificate missing": {func(c *Config) { c.SSLMode, c.SSLRootCert = "verify-full", "/nowhere/ca.pem" }, "database_config"},
	} {
		t.Run(name, func(t *testing.T) {
			c := overTCP(s.Port, "disable")
			test.change(&c)
			_, err := Connect(t.Context(), c)
			wantFault(t, err, test.code)
		})
	}
}

func TestTLSIsCheckedAsTheModeSays(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("hostssl all app 127.0.0.1/32 scram-sha-256"))
	s.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+sesame+"'")
	stranger := pgtest.Cluster(t, pgtest.TLS())
	for name, test := range map[string]struct {
		change func(*Config)
		code   string // "": it works
	}{
		"any certificate":         {func(c *Config) { c.SSLMode = "require" }, ""},
		"if possible":             {func(c *Config) { c.SSLMode = "prefer" }, ""},
		"known authority":         {func(c *Config) { c.SSLMode, c.SSLRootCert = "verify-full", s.CertFile() }, ""},
		"unknown authority":       {func(c *Config) { c.SSLMode, c.SSLRootCert = "verify-full", stranger.CertFile() }, "database_tls"},
		"authority not named":     {func(c *Config) { c.SSLMode = "verify-full" }, "database_tls"},
		"no TLS where it must be": {func(c *Config) { c.SSLMode = "disable" }, "database_not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := overTCP(s.Port, "")
			test.change(&c)
			db, err := Connect(t.Context(), c)
			if test.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				db.Close()
				return
			}
			wantFault(t, err, test.code)
		})
	}
}

func TestAServerWithoutRoomSaysSo(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TCP(), pgtest.Setting("max_connections", "3"), pgtest.Setting("superuser_reserved_connections", "2"),
		pgtest.Setting("max_wal_senders", "0"))
	s.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+sesame+"'")
	for range 3 {
		db, err := Connect(t.Context(), overTCP(s.Port, "disable"))
		if err != nil {
			wantFault(t, err, "database_connections")
			return
		}
		t.Cleanup(db.Close)
	}
	t.Fatal("three connections fit where one has room")
}

func unusedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestWaitingForAConnectionEndsWithItsOwnError(t *testing.T) { // S0-12
	t.Parallel()
	c := settings(pgtest.Database(t))
	c.MaxConnections, c.Options.Pool.Timeout = 2, seconds(0.2)
	db := connect(t, c)
	for range 2 {
		conn, err := db.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Release)
	}
	within(t, 2*time.Second, func(ctx context.Context) {
		_, err := db.Exec(ctx, "SELECT 1")
		wantFault(t, err, "pool_timeout")
		if !strings.Contains(err.Error(), "2 of 2 busy") {
			t.Errorf("does not tell the pool's state: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := db.Exec(ctx, "SELECT 1")
	if !errors.Is(err, context.DeadlineExceeded) || fault.CodeOf(err) == "pool_timeout" {
		t.Errorf("the caller's own deadline is told as ours: %v", err)
	}
}

func TestTheServersTimeoutsAreNamed(t *testing.T) { // S0-12
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SET LOCAL statement_timeout = '10ms'; SELECT pg_sleep(10)")
		return err
	})
	wantFault(t, err, "statement_timeout")
	if _, err := db.Exec(t.Context(), "CREATE TABLE public.held ()"); err != nil {
		t.Fatal(err)
	}
	err = db.InTx(t.Context(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "LOCK TABLE public.held"); err != nil {
			return err
		}
		return db.InTx(t.Context(), func(other pgx.Tx) error {
			_, err := other.Exec(t.Context(), "SET LOCAL lock_timeout = '10ms'; LOCK TABLE public.held")
			return err
		})
	})
	wantFault(t, err, "lock_timeout")
}

func TestThePoolComesBackAfterTheServerWasRestarted(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	db := connect(t, settings(s.Database(t)))
	s.Kill(t)
	var err error
	lifecycletest.Eventually(t, 10*time.Second, func() error { // a backend outlives its postmaster for a moment
		_, err = db.Exec(t.Context(), "SELECT 1")
		if fault.CodeOf(err) != "database_refused" {
			return fmt.Errorf("a killed server answers: %w", err)
		}
		return nil
	})
	wantFault(t, err, "database_refused")
	s.Start(t)
	if _, err := db.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
}
