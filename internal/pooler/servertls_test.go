package pooler_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// overTLS starts a site whose way to the server is TLS with these settings.
func overTLS(t *testing.T, server *pgtest.PG, change func(*postgres.Config)) *site {
	t.Helper()
	return setup{server: server, change: func(_ *pooler.Config, pg *postgres.Config) {
		pg.Host, pg.SSLMode, pg.SSLRootCert = "127.0.0.1", "verify-full", server.CertFile()
		pg.Options.Pool.MinSize = 0 // what is wrong is told to the one who comes
		change(pg)
	}}.start(t)
}

// answer asks through the pooler.
func (s *site) answer(t *testing.T, sql string) (string, error) {
	t.Helper()
	w, err := s.enterAs(t, 1, s.db.Name)
	if err != nil {
		return "", err
	}
	defer w.conn.Close()
	a := w.query(sql)
	if len(a.errors) > 0 || len(a.rows) != 1 {
		return "", fmt.Errorf("%+v", a)
	}
	return a.rows[0], nil
}

// S0-15: sslcert and sslkey reach a server that asks for a certificate.
func TestAServerThatAsksForACertificateIsShownOne(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.sign(t, "holdfast", "client")
	server := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"))
	ca, err := os.ReadFile(a.file("ca.crt"))
	if err == nil {
		err = os.WriteFile(filepath.Join(server.DataDir(), "clients.crt"), ca, 0o644) //nolint:gosec // the server has another user
	}
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "ALTER SYSTEM SET ssl_ca_file = 'clients.crt'", "SELECT pg_reload_conf()")
	const subject = "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
	with := overTLS(t, server, func(pg *postgres.Config) { pg.SSLCert, pg.SSLKey = a.file("client.crt"), a.file("client.key") })
	eventually(t, "the certificate is taken", func() bool { // as soon as the server has read its file
		got, err := with.answer(t, subject)
		return err == nil && strings.Contains(got, "CN=holdfast")
	})
	without := overTLS(t, server, func(*postgres.Config) {})
	if got, err := without.answer(t, subject); err == nil {
		t.Errorf("without a certificate: %q", got)
	}
}

// S0-15: channel_binding = "require" refuses a server that proves nothing about its connection, and takes one that does.
func TestChannelBindingThatIsRequiredIsHadFromTheServer(t *testing.T) {
	t.Parallel()
	for method, ok := range map[string]bool{"scram-sha-256": true, "trust": false} {
		server := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("hostssl all all 127.0.0.1/32 "+method))
		s := overTLS(t, server, func(pg *postgres.Config) { pg.ChannelBinding = "require" })
		if got, err := s.answer(t, "SELECT 1"); (err == nil) != ok {
			t.Errorf("%s: %q, %v", method, got, err)
		}
		s = overTLS(t, server, func(*postgres.Config) {})
		if _, err := s.answer(t, "SELECT 1"); err != nil {
			t.Errorf("%s, not required: %v", method, err)
		}
	}
}

// S0-15: sslnegotiation = "direct" speaks TLS at once. PostgreSQL takes that since 17; here what ends TLS in front of the real
// server knows nothing else.
func TestDirectTLSReachesAServerThatKnowsNothingElse(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.sign(t, "server", "server")
	server := pgtest.Cluster(t)
	port := endTLS(t, a, socketOf(server))
	s := setup{server: server, change: func(_ *pooler.Config, pg *postgres.Config) {
		pg.Host, pg.Port, pg.SSLMode, pg.SSLRootCert, pg.SSLNegotiation = "127.0.0.1", port, "verify-full", a.file("ca.crt"), "direct"
	}}.start(t)
	if got, err := s.answer(t, "SELECT current_user"); err != nil || got != s.role() {
		t.Errorf("%q, %v", got, err)
	}
}

// endTLS listens for direct TLS, and hands what is inside of it to a socket.
func endTLS(t *testing.T, a *authority, socket string) (port int) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.file("server.crt"), a.file("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"postgresql"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); _ = l.Close(); <-ended })
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go passOn(ctx, c, socket)
		}
	}()
	return l.Addr().(*net.TCPAddr).Port //nolint:errcheck,forcetypeassert // it is one
}

// passOn joins a client to a socket until one of the two goes.
func passOn(ctx context.Context, c net.Conn, socket string) {
	defer c.Close()
	s, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _, _ = c.Close(), s.Close() })()
	back := make(chan struct{})
	go func() { defer close(back); _, _ = io.Copy(c, s); _ = c.Close() }()
	_, _ = io.Copy(s, c)
	_ = s.Close()
	<-back
}

// S2-13: the share of sessions follows the weights, and a weight of 0 takes none.
func TestReplicasAreReadByTheirWeights(t *testing.T) {
	t.Parallel()
	f := herd(t, 3, func(c *pooler.Config, _ *postgres.Config) {
		c.Replicas[0] += " weight=3"
		c.Replicas[2] += " weight=0"
		c.Endpoints[sessional].MaxSize = 12
	})
	eventually(t, "eight sessions are spread as 6, 2 and 0", func() bool { // as soon as all servers are known
		return f.spread(t) == [3]int{6, 2, 0}
	})
}

// spread returns on which replicas eight sessions are that are open together.
func (f *flock) spread(t *testing.T) (spread [3]int) {
	t.Helper()
	for range 8 {
		w := f.wire(t, sessional)
		defer w.conn.Close()
		at := w.must("SELECT current_setting('port') || ' ' || current_setting('unix_socket_directories')")
		for i, r := range f.replicas {
			if at == strconv.Itoa(r.Port)+" "+r.Host {
				spread[i]++
			}
		}
	}
	return spread
}
