package pooler_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// counter stands between a pooler and PostgreSQL and counts connections.
type counter struct {
	listener net.Listener
	server   string // PostgreSQL's socket
	wg       sync.WaitGroup

	mu      sync.Mutex // protects the following
	tried   int        // connections in all
	opening int        // that are not ready for a query yet
	most    int        // at once
	open    map[net.Conn]bool
}

// count puts a counter in front of a server and returns the directory of its socket.
func count(t *testing.T, server *pgtest.PG) (c *counter, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf(".s.PGSQL.%d", server.Port)
	c = &counter{server: filepath.Join(server.Host, name), open: map[net.Conn]bool{}}
	if c.listener, err = net.Listen("unix", filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	c.wg.Go(func() {
		for {
			client, err := c.listener.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = c.listener.Close()
		c.mu.Lock()
		for conn := range c.open {
			_ = conn.Close()
		}
		c.mu.Unlock()
		c.wg.Wait()
		_ = os.RemoveAll(dir)
	})
	return c, dir
}

func (c *counter) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *counter) numbers() (tried, most int) {
	c.change(func() { tried, most = c.tried, c.most })
	return tried, most
}

// serve hands on what both say, and notices when the server is ready for the first time.
func (c *counter) serve(client net.Conn) {
	c.change(func() {
		c.tried++
		c.opening++
		c.most = max(c.most, c.opening)
		c.open[client] = true
	})
	ready := sync.OnceFunc(func() { c.change(func() { c.opening-- }) })
	defer func() {
		ready()
		_ = client.Close()
		c.change(func() { delete(c.open, client) })
	}()
	server, err := net.Dial("unix", c.server)
	if err != nil {
		return
	}
	c.change(func() { c.open[server] = true })
	defer func() {
		_ = server.Close()
		c.change(func() { delete(c.open, server) })
	}()
	c.wg.Go(func() {
		_, _ = io.Copy(server, client) // to the end of either
		_ = server.Close()
	})
	in := pgwire.NewReader(server, 1<<30)
	for {
		typ, body, err := in.ReadMessage()
		if err != nil {
			return
		}
		if pgwire.BackendType(typ) == pgwire.ReadyForQuery {
			ready()
		}
		b := binary.BigEndian.AppendUint32([]byte{typ}, uint32(4+len(body)))
		if _, err := client.Write(append(b, body...)); err != nil {
			return
		}
	}
}

// S0-18, trap 20: PostgreSQL restarts under hundreds of clients that wait for it. It is knocked at by one at a time while it is away and by
// two when it is back, a pool's worth of sessions is opened, and everybody is served.
func TestTrap20ARestartUnderAHerdOfClientsMeetsAFewConnections(t *testing.T) {
	t.Parallel()
	const clients, comers, servers = 300, 40, 8
	server := pgtest.Cluster(t, pgtest.Durable())
	gate, dir := count(t, server)
	s := setup{server: server, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Hold, c.LoginTimeout = unit.Duration(5*time.Minute), unit.Duration(5*time.Minute)
		pg.Host = dir
		o := &pg.Options.Pool
		o.MinSize, o.MaxSize, o.Timeout = 2, servers, unit.Duration(5*time.Minute)
	}}.start(t)
	herd := make([]*wire, clients)
	for i := range herd {
		herd[i] = s.wire(t, 1)
	}
	herd[0].must("SELECT 1")
	s.direct.Close()
	_, atStart := gate.numbers()
	if atStart > 2 {
		t.Errorf("%d connections were opened at once at the start", atStart)
	}
	server.Stop(t)
	began := time.Now()
	before, _ := gate.numbers()
	for i, w := range herd {
		w.send(pgwire.AppendQuery(nil, fmt.Sprintf("SELECT 'client %d' FROM pg_sleep(0.002)", i)))
	}
	s.waiting(t, clients)
	entered := make(chan error, comers)
	for range comers { // who comes only now waits, too
		w := s.dial(t, 1)
		go func() { entered <- w.logIn(s, pgwire.Version30) }() // received below
	}
	eventually(t, "the server is knocked at", func() bool { tried, _ := gate.numbers(); return tried >= before+4 })
	server.Start(t)
	for i, w := range herd {
		if a := w.answer(); strings.Join(a.rows, "") != fmt.Sprintf("client %d", i) {
			t.Fatalf("client %d: %+v", i, a)
		}
	}
	for range comers {
		if err := <-entered; err != nil {
			t.Errorf("a log-in meanwhile: %v", err)
		}
	}
	tried, most := gate.numbers()
	// The pauses between knocks double from a tenth of a second to five seconds, and up to a fifth shorter by chance; here they count as half. There are the pools of
	// two endpoints at most.
	knocks, pause := 0, 50*time.Millisecond
	for left := time.Since(began); left > 0; left -= pause {
		knocks++
		pause = min(2*pause, 2500*time.Millisecond)
	}
	if limit := 2 * (knocks + servers); tried-before > limit {
		t.Errorf("%d connections for %d clients in %s, want %d at most", tried-before, clients+comers, time.Since(began).Round(time.Second), limit)
	}
	if most > 4 {
		t.Errorf("%d connections were opened at once, want 2 for each pool at most", most)
	}
}
