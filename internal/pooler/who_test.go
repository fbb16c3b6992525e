package pooler_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/audit"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// at logs a user in from an address, as a balancer says, in clear text or by TLS, by a client that calls itself so.
func (g *gate) at(t *testing.T, user, address, program string, secure bool) (*wire, error) {
	t.Helper()
	w := g.dial(t, 0)
	w.send(fmt.Appendf(nil, "PROXY TCP4 %s 127.0.0.1 12345 6432\r\n", address))
	if secure {
		config := g.secure()
		config.NextProtos = []string{"postgresql"}
		w = newWire(t, tls.Client(w.conn, config))
	}
	return w, w.enter(pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{
		{Name: "user", Value: user}, {Name: "database", Value: g.db.Name}, {Name: "application_name", Value: program},
	}), "secret")
}

// S2-27, S2-29, S2-31, C-20: who gets in is decided by credential, address and TLS, by class, and never by what the client calls
// itself: the credential of end users is refused from where people have shells, and nobody from outside gets in without TLS.
func TestWhoGetsInIsDecidedByCredentialAddressAndTLS(t *testing.T) {
	t.Parallel()
	const appServer, service, shell, outside = "192.0.2.10", "192.0.2.77", "198.51.100.7", "203.0.113.9"
	g := gated(t, byQuery(
		pgauth.Rule{Users: []string{"pages"}, Addresses: []string{appServer}, Class: "interactive"},
		pgauth.Rule{Users: []string{"end_ada"}, Addresses: []string{"192.0.2.64/26"}, TLS: true, Class: "people"},
		pgauth.Rule{Users: []string{"dba_eve"}, Addresses: []string{"198.51.100.0/24"}, TLS: true, Class: "admin"},
		pgauth.Rule{Users: []string{"cloud_*"}, TLS: true, Class: "batch"},
	), func(c *pooler.Config) { c.Endpoints[0].ProxyProtocol = []string{"127.0.0.0/8"} })
	for _, user := range []string{"pages", "end_ada", "dba_eve", "cloud_bob"} {
		g.super(t, "CREATE ROLE "+user+" LOGIN PASSWORD 'secret'")
	}
	f := func(user, address string, secure, in bool) {
		t.Helper()
		for _, program := range []string{"psql", "journal"} {
			w, err := g.at(t, user, address, program, secure)
			var refused *refusedError
			switch {
			case in && err != nil:
				t.Errorf("%s from %s as %s, TLS %v: %v", user, address, program, secure, err)
			case in:
				w.must("SELECT 1")
			case !errors.As(err, &refused) || refused.Code != "28000":
				t.Errorf("%s from %s as %s, TLS %v: %v; want 28000", user, address, program, secure, err)
			}
		}
	}
	f("pages", appServer, false, true)
	f("pages", service, true, false)
	f("pages", shell, true, false)
	f("end_ada", service, true, true)
	f("end_ada", service, false, false)
	f("end_ada", shell, true, false)
	f("end_ada", outside, true, false)
	f("dba_eve", shell, true, true)
	f("dba_eve", shell, false, false)
	f("dba_eve", outside, true, false)
	f("cloud_bob", outside, true, true)
	f("cloud_bob", outside, false, false)
}

// C-20: log and record say where somebody was who did not get in: the address of the connection when a balancer says nothing, that of the
// client when it does, and "unix" for a socket.
func TestWhoDidNotGetInIsWrittenDownWithItsAddress(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, ".s.PGSQL.6432")
	record, log := &witnessed{}, &lines{}
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints[0].ProxyProtocol = []string{"127.0.0.0/8"}
		c.Endpoints = append(c.Endpoints, pooler.Endpoint{Listen: socket})
	}, plug: func(o *pooler.Options) { o.Auditor, o.Log = record, slog.New(slog.NewTextHandler(log, nil)) }}.start(t)
	f := func(name string, w *wire, header, wantLog, wantRecord string) {
		t.Helper()
		log.Reset()
		own := w.conn.LocalAddr().String()
		w.send([]byte(header))
		start := []pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: s.db.Name}}
		if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), "wrong"); err == nil {
			t.Errorf("%s: let in", name)
		}
		if want := "client=" + strings.ReplaceAll(wantLog, "OWN", own) + " "; strings.Count(log.String(), want) != 1 {
			t.Errorf("%s: the log has no %q:\n%s", name, want, log)
		}
		got := record.last()
		if want := strings.ReplaceAll(wantRecord, "OWN", own); got.Event != audit.Denied || got.Client.String() != want {
			t.Errorf("%s: the record has %s from %s, want %s", name, got.Event, got.Client, want)
		}
	}
	local, err := net.DialTimeout("unix", socket, patience)
	if err != nil {
		t.Fatal(err)
	}
	const noAddress = "invalid AddrPort" // as package netip writes what is a socket in a record
	f("no header", s.dial(t, 0), "", "OWN", "OWN")
	f("a broken header", s.dial(t, 0), "PROXY TCP4 nowhere\r\n", "OWN", "OWN")
	f("a balancer", s.dial(t, 0), "PROXY TCP4 192.0.2.7 127.0.0.1 12345 6432\r\n", "192.0.2.7:12345", "192.0.2.7:12345")
	f("a balancer for itself", s.dial(t, 0), "PROXY UNKNOWN\r\n", "OWN", "OWN")
	f("no balancer", s.dial(t, 1), "", "OWN", "OWN")
	f("a socket", newWire(t, local), "", "unix", noAddress)
}

// witnessed keeps what the pooler writes down about who did what.
type witnessed struct {
	mu  sync.Mutex // protects the following
	all []audit.Record
}

func (a *witnessed) Admit(context.Context) error { return nil }

func (a *witnessed) Write(r *audit.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, *r)
}

// last returns the latest record.
func (a *witnessed) last() audit.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.all) == 0 {
		return audit.Record{}
	}
	return a.all[len(a.all)-1]
}

// statements counts the statements of each person.
func (a *witnessed) statements() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := map[string]int{}
	for _, r := range a.all {
		if r.Event == audit.Statement {
			counts[r.Person]++
		}
	}
	return counts
}

// C-21: who it is is said inside the session at each hand-out, and there a client can change it for itself; what Holdfast writes down
// it cannot, and the next one on the same server session is somebody else.
func TestThePersonInsideASessionIsAConvenienceAndTheRecordIsNot(t *testing.T) {
	t.Parallel()
	for endpoint, mode := range []string{"session", "transaction"} {
		record := &witnessed{}
		s := setup{
			auth: byName{"postgres"}, plug: func(o *pooler.Options) { o.Auditor = record },
			change: func(_ *pooler.Config, pg *postgres.Config) { pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 0, 1 },
		}.start(t)
		as := func(name string) *wire {
			w := s.dial(t, endpoint)
			if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, []pgwire.Param{{Name: "user", Value: name}, {Name: "database", Value: s.db.Name}}), ""); err != nil {
				t.Fatal(err)
			}
			return w
		}
		const ask = "SELECT current_setting('holdfast.person') || ' ' || pg_backend_pid()"
		ada := as("ada")
		who := ada.must(ask)
		ada.must("SET holdfast.person = 'mallory'")
		if got := ada.must("SHOW holdfast.person"); got != "mallory" {
			t.Errorf("%s mode: a client changed it to mallory, and reads %s", mode, got)
		}
		if mode == "session" {
			_ = ada.conn.Close()
		}
		bob := as("bob") // on the one server session that there is
		if got := bob.must(ask); who[:4] != "ada " || got[:4] != "bob " || got[4:] != who[4:] {
			t.Errorf("%s mode: %q, then %q; want ada and bob on one server session", mode, who, got)
		}
		if mode == "transaction" {
			ada.must("SELECT 'still here'")
			bob.must("SELECT 'as well'")
		}
		counts := record.statements()
		var persons []string
		for name := range counts {
			persons = append(persons, name)
		}
		slices.Sort(persons)
		if want := map[string]int{"session": 3, "transaction": 4}[mode]; !slices.Equal(persons, []string{"ada", "bob"}) || counts["ada"] != want {
			t.Errorf("%s mode: the record has %v", mode, counts)
		}
	}
}
