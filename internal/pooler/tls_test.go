package pooler_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/certtest"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// authority signs certificates for tests, and keeps their files.
type authority struct {
	*certtest.Authority
	dir string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	made, err := certtest.NewAuthority(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{made, t.TempDir()}
	if err := a.Write(a.file("ca.crt"), ""); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// sign writes NAME.crt and NAME.key for a common name.
func (a *authority) sign(t *testing.T, common, name string) {
	t.Helper()
	leaf, err := a.Issue(certtest.Leaf{Name: common, Hosts: []string{"127.0.0.1", "127.0.0.2"}})
	if err == nil {
		err = leaf.Write(a.file(name+".crt"), a.file(name+".key"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// encrypted starts a site whose endpoints have a certificate.
func encrypted(t *testing.T, mode string, auth pooler.Authenticator) (*site, *authority) {
	t.Helper()
	a := newAuthority(t)
	a.sign(t, "server", "server")
	return setup{auth: auth, change: func(c *pooler.Config, _ *postgres.Config) {
		for i := range c.Endpoints {
			e := &c.Endpoints[i]
			e.TLSCert, e.TLSKey, e.TLSClientCA, e.TLS = a.file("server.crt"), a.file("server.key"), a.file("ca.crt"), mode
		}
	}}.start(t), a
}

// secure returns settings of a client that trusts the authority.
func (a *authority) secure() *tls.Config {
	return &tls.Config{RootCAs: a.Pool(), ServerName: "127.0.0.1"}
}

func TestTLSCarriesEverythingThatPlainTextDoes(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "require", nil)
	for endpoint := range 2 {
		for _, negotiation := range []string{"postgres", "direct"} {
			c, err := pgx.ParseConfig(s.url(endpoint) + "?sslmode=verify-ca&sslrootcert=" + a.file("ca.crt") + "&sslnegotiation=" + negotiation)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := pgx.ConnectConfig(t.Context(), c)
			if err != nil {
				t.Fatalf("endpoint %d, %s: %v", endpoint, negotiation, err)
			}
			for i := range 20 {
				var n int
				var text string
				size := i * i * 1000
				err := conn.QueryRow(t.Context(), "SELECT $1::int, repeat('x', length($2))", i, strings.Repeat("y", size)).Scan(&n, &text)
				if err != nil || n != i || len(text) != size {
					t.Fatalf("endpoint %d, %s: %d, %d bytes, %v", endpoint, negotiation, n, len(text), err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err = conn.Exec(ctx, "SELECT pg_sleep(60)")
			cancel()
			if err == nil {
				t.Error("a cancelled query succeeded")
			}
			_ = conn.Close(t.Context())
		}
	}
}

// Trap 13: where TLS is required, that is said before a password is asked for.
func TestTrap13WithoutTheTLSThatIsRequiredNoPasswordIsAskedFor(t *testing.T) {
	t.Parallel()
	s, _ := encrypted(t, "require", nil)
	w := s.dial(t, 0)
	w.send(pgwire.AppendStartup(nil, pgwire.Version30, s.startup()))
	typ, body := w.one()
	if n, _ := pgwire.ParseNotice(body); typ != 'E' || n.Code != "28000" || !strings.Contains(n.Message, "TLS") {
		t.Errorf("%q %q", typ, body)
	}
}

// Trap 13: requests for encryption come in either order.
func TestTrap13RequestsForEncryptionComeInEitherOrder(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "allow", nil)
	ask := func(w *wire, b []byte) byte {
		w.send(b)
		var one [1]byte
		if _, err := w.conn.Read(one[:]); err != nil {
			t.Fatal(err)
		}
		return one[0]
	}
	for name, gssFirst := range map[string]bool{"GSSENC first": true, "SSL first": false} {
		w := s.dial(t, 0)
		if gssFirst {
			if got := ask(w, pgwire.AppendGSSENCRequest(nil)); got != 'N' {
				t.Fatalf("%s: %q", name, got)
			}
		}
		if got := ask(w, pgwire.AppendSSLRequest(nil)); got != 'S' {
			t.Fatalf("%s: %q", name, got)
		}
		w = newWire(t, tls.Client(w.conn, a.secure()))
		if err := w.logIn(s, pgwire.Version30); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.must("SELECT 1")
	}
	w := s.dial(t, 0) // a client that gave up encryption
	if got := ask(w, pgwire.AppendGSSENCRequest(nil)); got != 'N' {
		t.Fatalf("%q", got)
	}
	if err := w.logIn(s, pgwire.Version30); err != nil {
		t.Fatal(err)
	}
}

// Trap 13 (CVE-2021-23214): what was sent in clear behind the request is nobody's first message inside of TLS.
func TestTrap13PlainTextBehindARequestForTLSIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := encrypted(t, "allow", nil)
	w := s.dial(t, 0)
	w.send(append(pgwire.AppendSSLRequest(nil), pgwire.AppendStartup(nil, pgwire.Version30, s.startup())...))
	typ, body := w.one()
	if n, _ := pgwire.ParseNotice(body); typ != 'E' || n.Code != "08P01" {
		t.Errorf("%q %q", typ, body)
	}
	w.gone()
}

// Trap 13: TLS without a request must name the protocol.
func TestTrap13DirectTLSWithoutTheProtocolNameIsRefused(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "require", nil)
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		c := a.secure()
		c.NextProtos = protocols
		w := newWire(t, tls.Client(s.dial(t, 0).conn, c))
		if err := w.logIn(s, pgwire.Version30); err == nil {
			t.Errorf("%v: let in", protocols)
		}
	}
}

// byCertificate lets in whom a certificate names.
type byCertificate struct{ role string }

func (a byCertificate) Decide(_ context.Context, at pgauth.Attempt) (*pgauth.Decision, error) {
	if at.Certificate == nil || at.Certificate.Subject.CommonName != "ada" {
		return nil, &pgauth.Denied{SQLSTATE: "28000", Message: "no certificate", Reason: fault.New(fault.Denied, "no_certificate", "no certificate")}
	}
	return &pgauth.Decision{Method: pgauth.Cert, ServerUser: a.role, ServerPassword: secret.New(password), Person: "ada", Proven: true}, nil
}

func TestAClientCertificateLetsIn(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "require", byCertificate{"postgres"})
	a.sign(t, "ada", "ada")
	stranger := newAuthority(t)
	stranger.sign(t, "ada", "ada")
	for name, c := range map[string]struct {
		from *authority
		ok   bool
	}{"its own": {a, true}, "of a stranger": {stranger, false}, "none": {nil, false}} {
		config := a.secure()
		config.NextProtos = []string{"postgresql"}
		if c.from != nil {
			pair, err := tls.LoadX509KeyPair(c.from.file("ada.crt"), c.from.file("ada.key"))
			if err != nil {
				t.Fatal(err)
			}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		w := newWire(t, tls.Client(s.dial(t, 0).conn, config))
		err := w.logIn(s, pgwire.Version30)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// New certificates serve new clients; those who are in stay. A broken file changes nothing.
func TestCertificatesAreReadAgainWithoutDroppingAnybody(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "require", nil)
	enter := func() (*wire, *big.Int, error) {
		c := a.secure()
		c.NextProtos = []string{"postgresql"}
		conn := tls.Client(s.dial(t, 0).conn, c)
		w := newWire(t, conn)
		if err := w.logIn(s, pgwire.Version30); err != nil {
			return nil, nil, err
		}
		return w, conn.ConnectionState().PeerCertificates[0].SerialNumber, nil
	}
	old, first, err := enter()
	if err != nil {
		t.Fatal(err)
	}
	a.sign(t, "server", "server")
	eventually(t, "the new certificate serves", func() bool {
		_, now, err := enter()
		return err == nil && now.Cmp(first) != 0
	})
	old.must("SELECT 1")
	if err := os.WriteFile(a.file("server.crt"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, now, err := enter(); err != nil || now.Cmp(first) == 0 {
		t.Errorf("with a broken file: %v", err)
	}
}

// Issue 3: a renewed certificate that is broken is told, without waiting for a client: once in the log, and as a finding until it is mended.
func TestABrokenCertificateIsToldUntilItIsMended(t *testing.T) {
	t.Parallel()
	a, found, log := newAuthority(t), health.New(), &lines{}
	a.sign(t, "server", "server")
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints[0].TLSCert, c.Endpoints[0].TLSKey = a.file("server.crt"), a.file("server.key")
	}, plug: func(o *pooler.Options) { o.Health, o.Log = found, slog.New(slog.NewTextHandler(log, nil)) }}.start(t)
	whole, err := os.ReadFile(a.file("server.crt"))
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		for _, f := range found.Snapshot() {
			if f.Code == "pooler_certificate" {
				return f.Subject + ": " + f.Text
			}
		}
		return ""
	}
	for name, spoil := range map[string]func() error{
		"nonsense": func() error { return os.WriteFile(a.file("server.crt"), []byte("broken"), 0o600) },
		"gone":     func() error { return os.Remove(a.file("server.crt")) },
	} {
		log.Reset()
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+": a finding", func() bool {
			text := shown()
			return strings.HasPrefix(text, "127.0.0.1:0: ") && strings.Contains(text, "certificate of endpoint") && strings.Contains(text, "valid until 20")
		})
		for range 3 {
			w := newWire(t, tls.Client(s.dial(t, 0).conn, secureOver(a)))
			if err := w.logIn(s, pgwire.Version30); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := strings.Count(log.String(), "certificate not read again"); n != 1 {
			t.Errorf("%s: told %d times in the log; want once", name, n)
		}
		if err := os.WriteFile(a.file("server.crt"), whole, 0o600); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+": mended", func() bool { return shown() == "" })
	}
}

// secureOver returns settings for TLS from the first byte.
func secureOver(a *authority) *tls.Config {
	c := a.secure()
	c.NextProtos = []string{"postgresql"}
	return c
}

// lines are what was logged.
type lines struct {
	mu sync.Mutex // protects the following
	bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

func (l *lines) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Buffer.Reset()
}

// Trap 17: TLS's own good-bye is one.
func TestTrap17ATLSGoodByeEndsTheSession(t *testing.T) {
	t.Parallel()
	s, a := encrypted(t, "require", nil)
	c := a.secure()
	c.NextProtos = []string{"postgresql"}
	conn := tls.Client(s.dial(t, 1).conn, c)
	w := newWire(t, conn)
	if err := w.logIn(s, pgwire.Version30); err != nil {
		t.Fatal(err)
	}
	w.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.2), 'last'"))
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if a := w.answer(); len(a.rows) != 1 {
		t.Errorf("%+v", a)
	}
	w.gone()
	eventually(t, "the client is gone", func() bool { return s.pooler.Status().Clients == 0 })
}
