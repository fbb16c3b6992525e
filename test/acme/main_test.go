package acme_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/certs"
	"holdfast/internal/edge"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/logging"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
	"holdfast/test/program"
)

func TestMain(m *testing.M) {
	if code, ran := program.Main(); ran {
		os.Exit(code)
	}
	_ = os.Setenv("PEBBLE_VA_NOSLEEP", "1") // Pebble dawdles otherwise, to show clients what may come
	_ = os.Setenv("PEBBLE_AUTHZREUSE", "0") // each order is validated
	program.Parallel("6")
	pgtest.Main(m, goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.(*VAImpl).processTasks"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"))
}

// master is the key of all processes of a test.
const master = "a master key for the tests of certificates"

// database returns a database with the tables of certificates.
func database(t *testing.T) *pgtest.DB {
	t.Helper()
	return postgrestest.Migrated(t, "certs", certs.Migrations)
}

// node is a process of a site, as far as its edge goes.
type node struct {
	*edge.Edge
	manager *certs.Manager
}

// settings returns those of an edge that gets certificates for some hosts.
func settings(a *authority, hosts ...string) edge.Config {
	c := edge.DefaultConfig()
	c.Listen, c.Hosts = "127.0.0.1:0", hosts
	c.Listeners = []edge.Listener{{Listen: "127.0.0.1:0"}}
	c.RedirectHTTPS = true
	c.ACME.Enabled, c.ACME.AcceptTerms, c.ACME.Email = true, true, "admin@example.org"
	c.ACME.Directory, c.ACME.CAFile = a.directory, a.caFile
	return c
}

// start runs an edge with a manager of its own until the test ends.
func start(t *testing.T, c edge.Config, d *pgtest.DB) *node {
	t.Helper()
	if problems := c.Validate(); len(problems) > 0 {
		t.Fatal(problems.Err())
	}
	log := logging.New(logging.Config{Level: "info", Format: "json"}, t.Output())
	m, err := certs.New(certs.Options{
		Config: c.ACME, Hosts: c.ACMEHosts(log), DB: postgrestest.Connect(t, d.URL()), Key: secret.New(master), HTTP: c.HasPlain(),
		Every: 50 * time.Millisecond, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello "+r.Host) })
	e, err := edge.New(edge.Options{Config: c, ACME: m, Log: log, Routes: map[string]http.Handler{"/": hello}})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &node{e, m}
}

func (n *node) tlsAddr() string  { return n.Addrs()[0] }
func (n *node) httpAddr() string { return n.Addrs()[1] }

// shake shakes hands for a host and returns the certificate, which has to be trusted.
func shake(ctx context.Context, addr, host string, roots *x509.CertPool) (*x509.Certificate, error) {
	d := tls.Dialer{Config: &tls.Config{ServerName: host, RootCAs: roots}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c, ok := conn.(*tls.Conn)
	if !ok {
		return nil, errors.New("no TLS")
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

// served waits until a node has a certificate for a host that visitors trust.
func served(t *testing.T, n *node, host string, a *authority) *x509.Certificate {
	t.Helper()
	var cert *x509.Certificate
	eventually(t, "a certificate for "+host, func() (err error) {
		cert, err = shake(t.Context(), n.tlsAddr(), host, a.roots())
		return err
	})
	return cert
}

// eventually tries until there is no error, for thirty seconds.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	lifecycletest.Eventually(t, 30*time.Second, func() error {
		if err := try(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// get asks over plain HTTP under a name.
func get(t *testing.T, addr, host, path string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host, r.Close = host, true
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// number returns what a query counts.
func number(t *testing.T, d *pgtest.DB, query string) int {
	t.Helper()
	var n int
	if err := d.Conn(t).QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// beside listens where another edge does, at an address of its own.
func beside(t *testing.T, addr, ip string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%s", ip, port)
}
