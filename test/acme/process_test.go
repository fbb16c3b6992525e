package acme_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// newMachine is a site on a database, with settings of the test: key, value, key, value.
func newMachine(t *testing.T, d *pgtest.DB, settings []string) *program.Site {
	t.Helper()
	s := program.NewSite(t, d.URL())
	s.Set("log.format", "json", "database.options.pool.max_size", "4")
	s.Set(settings...)
	return s
}

// serve runs the daemon, and returns its edge's address once it is ready.
func serve(s *program.Site) (*program.Process, string) {
	s.T.Helper()
	p := s.Begin()
	return p, strings.TrimPrefix(p.Ready().Edge, "https://")
}

// A process that dies by kill -9 in the middle of an order leaves it to the next one, when its lease has run out.
func TestAProcessThatDiesInAnOrderLeavesItToTheNextOne(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), pgtest.Database(t)
	settings := []string{
		"edge.hosts", "one.example.org", "edge.acme.enabled", "true", "edge.acme.accept_terms", "true",
		"edge.acme.directory", a.directory, "edge.acme.ca_file", a.caFile,
	}
	one := newMachine(t, d, settings)
	first, addr := serve(one)
	entered, gone := make(chan struct{}, 1), make(chan struct{})
	a.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-gone
			return true
		}
		return false
	})
	a.open(addr, addr)
	<-entered
	first.Kill()
	close(gone)
	a.intercept(nil)

	a.names.lead(net.IPv4(127, 0, 0, 2))
	two := one.Twin()
	two.Set("edge.listen", beside(t, addr, "127.0.0.2"))
	_, addr = serve(two)
	<-time.After(time.Second)
	if n := a.count(newOrder); n != 1 {
		t.Fatalf("%d orders while the lease of the dead one lasts", n)
	}
	d.Exec(t, "UPDATE holdfast.certs_leases SET until = clock_timestamp() - interval '1 second'") // what half a minute brings
	eventually(t, "a certificate by the second one", func() error {
		_, err := shake(t.Context(), addr, "one.example.org", a.roots())
		return err
	})
	if orders, accounts := a.count(newOrder), a.count(newAccount); orders != 2 || accounts != 1 {
		t.Errorf("%d orders, %d accounts", orders, accounts)
	}
	var answer daemon.CertificatesAnswer
	two.Ask(&answer, "edge", "certs")
	if len(answer.Certificates) != 1 || answer.Certificates[0].Source != "acme" || answer.Certificates[0].Names[0] != "one.example.org" {
		t.Errorf("edge certs: %+v", answer)
	}
	if said, want := two.Must("edge", "certs"), "one.example.org  acme"; !strings.Contains(said, want) || !strings.HasPrefix(said, "NAMES") {
		t.Errorf("edge certs: %s", said)
	}
}
