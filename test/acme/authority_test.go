package acme_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"holdfast/internal/certtest"
)

// authority is Pebble, with ears: what it is asked is counted, and may be held up or refused.
type authority struct {
	t         *testing.T
	directory string // its URL
	caFile    string // what its own certificate is checked against
	listener  net.Listener
	names     *names
	store     *db.MemoryStore
	life      uint64 // of certificates, in seconds

	mu     sync.Mutex // protects the following
	ca     *ca.CAImpl
	asked  []string // methods and paths
	before func(w http.ResponseWriter, r *http.Request) bool
}

// newAuthority opens the door of an authority; who knocks waits until open.
func newAuthority(t *testing.T, life uint64) *authority {
	t.Helper()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, caFile: filepath.Join(t.TempDir(), "ca.pem"), store: db.NewMemoryStore(), life: life, names: serveNames(t)}
	if err := pair.Write(a.caFile, ""); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a.listener = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair.TLS()}, NextProtos: []string{"http/1.1"}})
	a.directory = "https://" + l.Addr().String() + "/dir"
	t.Cleanup(func() { l.Close() })
	return a
}

// open begins to answer, and looks for proof at these ports.
func (a *authority) open(httpAddr, tlsAddr string) {
	a.t.Helper()
	quiet := log.New(io.Discard, "", 0)
	profiles := map[string]ca.Profile{"default": {Description: "a day", ValidityPeriod: a.life}}
	c := ca.New(quiet, a.store, "", "ecdsa", 0, 1, profiles)
	v := va.New(quiet, portOf(a.t, httpAddr), portOf(a.t, tlsAddr), false, a.names.addr, a.store)
	front := wfe.New(quiet, a.store, v, c, []string{"pebble.letsencrypt.org"}, false, false, 1, 1)
	a.mu.Lock()
	a.ca = c
	a.mu.Unlock()
	next := front.Handler()
	s := &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		before := a.before
		a.mu.Unlock()
		rec := &recorder{ResponseWriter: w}
		if before == nil || !before(rec, r) {
			next.ServeHTTP(rec, r)
		}
		if rec.status != http.StatusBadRequest { // Pebble takes some numbers for used on purpose: clients ask again
			a.mu.Lock()
			a.asked = append(a.asked, r.Method+" "+r.URL.Path)
			a.mu.Unlock()
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(a.listener) }() // waited for in the cleanup
	a.t.Cleanup(func() { s.Close(); <-done })
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return a.Port
}

// count returns how often a path was asked for that begins so.
func (a *authority) count(prefix string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, line := range a.asked {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

const (
	newOrder   = "POST /order-plz"
	newAccount = "POST /sign-me-up"
)

// intercept has every request looked at first; what it returns true for is answered.
func (a *authority) intercept(f func(w http.ResponseWriter, r *http.Request) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before = f
}

// roots are what a visitor has to trust.
func (a *authority) roots() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.ca.GetRootCert(0).PEM())
	return pool
}

// names is a name server that has one address for every name.
type names struct {
	addr string

	mu sync.Mutex // protects the following
	ip net.IP
}

// serveNames answers until the test ends; every name is at 127.0.0.1 at first.
func serveNames(t *testing.T) *names {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // Pebble asks over TCP
	if err != nil {
		t.Fatal(err)
	}
	n := &names{addr: l.Addr().String(), ip: net.IPv4(127, 0, 0, 1)}
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		if len(q.Question) == 1 && q.Question[0].Qtype == dns.TypeA {
			m.Answer = append(m.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: n.now(),
			})
		}
		_ = w.WriteMsg(m) // who asks, asks again
	})}
	started, done := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	go func() { defer close(done); _ = s.ActivateAndServe() }() // waited for in the cleanup
	<-started
	t.Cleanup(func() { _ = s.Shutdown(); <-done })
	return n
}

func (n *names) now() net.IP {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ip
}

// lead sends everybody to another address.
func (n *names) lead(ip net.IP) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ip = ip
}
