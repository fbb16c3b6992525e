package backend_test

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/backend"
	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
)

func files(t *testing.T, roots, cert, key string) *backend.TLSFiles {
	t.Helper()
	f, err := backend.LoadTLSFiles(roots, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// S0-15: sslmode means what it means in libpq.
func TestTheSixModesAgainstServersWithAndWithoutTLS(t *testing.T) {
	t.Parallel()
	with := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA(
		"hostssl all tls 127.0.0.1/32 trust", "hostnossl all bare 127.0.0.1/32 trust", "host all either 127.0.0.1/32 trust"))
	without := pgtest.Cluster(t, pgtest.TCP())
	for _, s := range []*pgtest.PG{with, without} {
		s.Exec(t, "CREATE ROLE tls LOGIN", "CREATE ROLE bare LOGIN", "CREATE ROLE either LOGIN")
	}
	roots := files(t, with.CertFile(), "", "")
	f := func(mode backend.TLSMode, f *backend.TLSFiles, want string) {
		t.Helper()
		target := tcpOf(with, &backend.TLSConfig{Mode: mode, Files: f})
		got := ""
		for _, role := range []string{"either", "tls", "bare"} {
			got += outcome(t, target, role) + " "
		}
		got += outcome(t, tcpOf(without, &backend.TLSConfig{Mode: mode, Files: f}), "either")
		if got != want {
			t.Errorf("%s: %s, want %s", mode, got, want)
		}
	}
	// what becomes of a role that may use either, one that needs TLS, one that must not, and of a server without TLS
	f(backend.TLSDisable, nil, "plain 28000 plain plain")
	f(backend.TLSAllow, nil, "plain tls plain plain")
	f(backend.TLSPrefer, nil, "tls tls plain plain")
	f(backend.TLSRequire, nil, "tls tls 28000 backend_tls_missing")
	f(backend.TLSRequire, roots, "tls tls 28000 backend_tls_missing")
	f(backend.TLSVerifyCA, roots, "tls tls 28000 backend_tls_missing")
	f(backend.TLSVerifyFull, roots, "tls tls 28000 backend_tls_missing")
	stranger := files(t, newAuthority(t).file, "", "")
	const untrusted = "backend_tls_untrusted"
	f(backend.TLSRequire, stranger, strings.Repeat(untrusted+" ", 3)+"backend_tls_missing")
	f(backend.TLSVerifyCA, stranger, strings.Repeat(untrusted+" ", 3)+"backend_tls_missing")
	f(backend.TLSVerifyFull, stranger, strings.Repeat(untrusted+" ", 3)+"backend_tls_missing")
}

// outcome says how a session came to be: plain or tls; or the SQLSTATE, or our code, of the error.
func outcome(t *testing.T, target backend.Target, role string) string {
	t.Helper()
	c, err := backend.Dial(within(t), target, backend.Login{User: role, Database: "postgres"})
	if err != nil {
		if state, ok := err.(interface{ Permanent() bool }); !ok || !state.Permanent() { //nolint:errorlint // Dial returns it bare
			t.Errorf("%s: not permanent: %v", role, err)
		}
		if fault.CodeOf(err) == "backend_refused" {
			return err.(*backend.Error).SQLSTATE //nolint:errorlint // Dial returns it bare
		}
		return fault.CodeOf(err)
	}
	defer c.Close()
	if c.Encrypted() {
		return "tls"
	}
	return "plain"
}

func TestTheNameInTheCertificateCountsOnlyForVerifyFull(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	roots := files(t, a.file, "", "")
	pair := a.pair(t, "db.example")
	target := serve(t, func(p *peer) {
		p.secure(&tls.Config{Certificates: []tls.Certificate{pair}})
		p.greet()
		p.rest()
	})
	l := backend.Login{User: "u"}
	target.TLS = &backend.TLSConfig{Mode: backend.TLSVerifyCA, Files: roots}
	dial(t, target, l)
	target.TLS = &backend.TLSConfig{Mode: backend.TLSVerifyFull, Files: roots}
	target.ServerName = "other.example"
	if e := dialFails(t, target, l); fault.CodeOf(e) != "backend_tls_untrusted" || !strings.Contains(e.Error(), "db.example") {
		t.Errorf("verify-full with another name: %v", e)
	}
	target.ServerName = "db.example"
	dial(t, target, l)
}

func TestACertificateTakesThePlaceOfAPassword(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pem, err := os.ReadFile(a.file)
	if err != nil {
		t.Fatal(err)
	}
	s := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("hostssl all app 127.0.0.1/32 cert"))
	s.Exec(t, "CREATE ROLE app LOGIN")
	if err := os.WriteFile(filepath.Join(s.DataDir(), "ca.crt"), pem, 0o644); err != nil { // the server has another account
		t.Fatal(err)
	}
	s.Restart(t, pgtest.Setting("ssl_ca_file", "ca.crt"))
	cert, key := a.issue(t, "app")
	l := backend.Login{User: "app", Database: "postgres"}
	config := &backend.TLSConfig{Mode: backend.TLSVerifyFull, Files: files(t, s.CertFile(), cert, key)}
	if got := one(t, dial(t, tcpOf(s, config), l), "SELECT current_user"); got != "app" {
		t.Errorf("logged in as %q", got)
	}
	config = &backend.TLSConfig{Mode: backend.TLSRequire}
	if e := dialFails(t, tcpOf(s, config), l); e.SQLSTATE != "28000" || !e.Permanent() {
		t.Errorf("without a certificate: %v", e)
	}
}

// directly puts a TLS end that speaks ALPN before a server, as PostgreSQL 17 has one itself.
func directly(t *testing.T, s *pgtest.PG, config *tls.Config) backend.Target {
	t.Helper()
	socket := filepath.Join(s.Host, ".s.PGSQL."+strconv.Itoa(s.Port))
	return serve(t, func(p *peer) {
		in := tls.Server(p.Conn, config)
		out, err := net.Dial("unix", socket)
		if err != nil {
			t.Error(err)
			return
		}
		defer out.Close()
		done := make(chan struct{})
		go func() { // waited for below
			defer close(done)
			_, _ = io.Copy(out, in)
			_ = out.(*net.UnixConn).CloseWrite()
		}()
		_, _ = io.Copy(in, out)
		_ = p.Close()
		<-done
	})
}

func TestDirectTLSNeedsNoQuestion(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	pair := a.pair(t, "127.0.0.1")
	l := superuser("postgres")
	target := directly(t, pgtest.Server(t), &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"postgresql"}})
	target.TLS = &backend.TLSConfig{Mode: backend.TLSVerifyFull, Direct: true, Files: files(t, a.file, "", "")}
	c := dial(t, target, l)
	if got := one(t, c, "SELECT 1"); got != "1" || !c.Encrypted() {
		t.Errorf("SELECT 1: %q", got)
	}
	if err := c.Cancel(within(t)); err != nil {
		t.Errorf("Cancel: %v", err)
	}
	other := directly(t, pgtest.Server(t), &tls.Config{Certificates: []tls.Certificate{pair}})
	other.TLS = target.TLS
	if e := dialFails(t, other, l); fault.CodeOf(e) != "backend_not_postgres" || !strings.Contains(e.Error(), "ALPN") {
		t.Errorf("a server that does not say what it is: %v", e)
	}
	weak := target
	weak.TLS = &backend.TLSConfig{Mode: backend.TLSPrefer, Direct: true}
	if e := dialFails(t, weak, l); fault.KindOf(e) != fault.Config || !e.Permanent() {
		t.Errorf("direct TLS that may fall back: %v", e)
	}
}

func TestACertificateWithoutADigestGoesWithoutBinding(t *testing.T) {
	t.Parallel()
	target := serve(t, func(p *peer) {
		p.secure(&tls.Config{Certificates: []tls.Certificate{ed25519Pair(t)}})
		p.greet()
		p.rest()
	})
	target.TLS = &backend.TLSConfig{Mode: backend.TLSRequire}
	dial(t, target, backend.Login{User: "u"})
}

// Trap 19: unchanged files must not look like a change.
func TestRootsAreReadAgainAndABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	a, b := newAuthority(t), newAuthority(t)
	path := filepath.Join(t.TempDir(), "roots.crt")
	put := func(pem []byte) {
		t.Helper()
		if err := os.WriteFile(path, pem, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) []byte {
		t.Helper()
		pem, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return pem
	}
	pair := a.pair(t, "127.0.0.1")
	target := serve(t, func(p *peer) {
		p.secure(&tls.Config{Certificates: []tls.Certificate{pair}})
		p.greet()
		p.rest()
	})
	put(read(b.file))
	f := files(t, path, "", "")
	target.TLS = &backend.TLSConfig{Mode: backend.TLSVerifyFull, Files: f}
	dialFails(t, target, backend.Login{User: "u"})
	if changed, err := f.Reload(); changed || err != nil {
		t.Errorf("reload of the same: %v, %v", changed, err)
	}
	put(read(a.file))
	if changed, err := f.Reload(); !changed || err != nil {
		t.Errorf("reload: %v, %v", changed, err)
	}
	dial(t, target, backend.Login{User: "u"})
	put([]byte("nothing"))
	if changed, err := f.Reload(); changed || err == nil {
		t.Errorf("reload of nonsense: %v, %v", changed, err)
	}
	dial(t, target, backend.Login{User: "u"})
}

func TestTLSSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	f := func(c backend.TLSConfig, want string) {
		t.Helper()
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	f(backend.TLSConfig{Mode: backend.TLSVerifyCA}, "needs root certificates")
	f(backend.TLSConfig{Mode: backend.TLSAllow, Direct: true}, "cannot fall back")
	f(backend.TLSConfig{Mode: backend.TLSVerifyCA, Files: files(t, backend.SystemRoots, "", "")}, "too weak")
	ok := backend.TLSConfig{Mode: backend.TLSVerifyFull, Files: files(t, backend.SystemRoots, "", "")}
	if err := ok.Validate(); err != nil {
		t.Errorf("the system's roots: %v", err)
	}
	cert, key := newAuthority(t).issue(t, "app")
	if _, err := backend.LoadTLSFiles("", cert, ""); err == nil {
		t.Error("a certificate without a key is taken")
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := backend.LoadTLSFiles("", cert, key); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that all may read: %v", err)
	}
	for name, mode := range map[string]backend.TLSMode{"disable": 0, "verify-full": backend.TLSVerifyFull} {
		if got, err := backend.ParseTLSMode(name); got != mode || err != nil || got.String() != name {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := backend.ParseTLSMode("Require"); err == nil {
		t.Error("an unknown mode is taken")
	}
	if b, err := backend.ParseChannelBinding("require"); b != backend.BindingRequire || err != nil {
		t.Errorf("channel_binding require: %v, %v", b, err)
	}
}
