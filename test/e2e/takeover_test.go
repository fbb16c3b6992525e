package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/quic-go/quic-go/http3"

	"holdfast/internal/certtest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// takeoverRole is a name of at most 63 bytes.
func takeoverRole(db *pgtest.DB) string {
	number, _, _ := strings.Cut(db.Name, "_")
	return number + "_app"
}

// takeoverSite is a site with TLS at the edge and at a pooler's endpoint, another one on a Unix socket, a record of all statements, and a
// role that may log in.
func takeoverSite(t *testing.T) (*site, *pgtest.DB) {
	t.Helper()
	db := pgtest.Cluster(t, pgtest.Setting("max_connections", "200")).Database(t) // for up to three processes at once
	db.Exec(t, fmt.Sprintf("CREATE ROLE %q LOGIN PASSWORD 'sesame'", takeoverRole(db)), fmt.Sprintf("GRANT ALL ON SCHEMA public TO %q", takeoverRole(db)))
	s := newSite(t, db)
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	cert, key := s.Path("cert.pem"), s.Path("key.pem")
	if err := pair.Write(cert, key); err != nil {
		t.Fatal(err)
	}
	s.set("database.endpoints", fmt.Sprintf(`[{listen = "127.0.0.1:0", tls_cert = %q, tls_key = %q}, {listen = %q, mode = "transaction"}]`,
		cert, key, s.Path(".s.PGSQL.6432")),
		"edge.tls_cert", cert, "edge.tls_key", key, "edge.http3", "true", "database.audit.enabled", "true", "database.options.pool.max_size", "40",
		"database.auth.query", "SELECT rolpassword, rolcanlogin, rolvaliduntil FROM pg_authid WHERE rolname = $1")
	return s, db
}

// ways are connection strings, one for each endpoint, and by TLS.
func (n *node) ways(db *pgtest.DB) []string {
	host, port, _ := strings.Cut(n.postgres, ":")
	form := "host=%s port=%s user=" + takeoverRole(db) + " password=sesame dbname=" + db.Name + " sslmode=%s"
	return []string{fmt.Sprintf(form, host, port, "disable"), fmt.Sprintf(form, n.site.Dir, "6432", "disable"), fmt.Sprintf(form, host, port, "require")}
}

// takeOver starts a successor.
func (s *site) takeOver() *node {
	s.T.Helper()
	return &node{process: program.Launch(s.T, s.Command("serve", "--takeover")), site: s}
}

// newcomers connect, and visitors ask the edge, without pause. stop ends them and returns how many statements were run; none may be refused.
func newcomers(t *testing.T, ways []string, edge string) (stop func() int) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var asked, seen atomic.Int64
	for _, way := range ways {
		repeat(t, ctx, &all, way, &asked, func(limited context.Context) error { return askOnce(limited, way) })
	}
	repeat(t, ctx, &all, edge, &seen, func(ctx context.Context) error {
		return visit(ctx, &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting()}, edge)
	})
	return func() int {
		end()
		all.Wait()
		if asked.Load() == 0 || seen.Load() == 0 {
			t.Errorf("clients %d, visitors %d", asked.Load(), seen.Load())
		}
		return int(asked.Load())
	}
}

func repeat(t *testing.T, ctx context.Context, all *sync.WaitGroup, what string, n *atomic.Int64, f func(context.Context) error) { //nolint:revive // t comes first
	all.Go(func() {
		for ctx.Err() == nil {
			limited, cancel := context.WithTimeout(context.Background(), program.CallLimit)
			err := f(limited)
			cancel()
			if err != nil {
				t.Errorf("%s: %v", what, err)
				return
			}
			n.Add(1)
		}
	})
}

func trusting() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is about who is there
}

// visitByHTTP3 asks the edge over UDP.
func visitByHTTP3(ctx context.Context, edge string) error {
	tr := &http3.Transport{TLSClientConfig: trusting()}
	return errors.Join(visit(ctx, tr, edge), tr.Close())
}

// visit asks the edge over a connection of its own.
func visit(ctx context.Context, way http.RoundTripper, edge string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, edge+"/none", nil)
	if err != nil {
		return err
	}
	resp, err := way.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func askOnce(ctx context.Context, way string) error {
	c, err := pgx.Connect(ctx, way)
	if err != nil {
		return err
	}
	if _, err = c.Exec(ctx, "SELECT 1"); err != nil {
		return err
	}
	return c.Close(ctx)
}

// guests are clients who were there before, all within something that only their own connection knows.
type guests struct {
	t              *testing.T
	ctx            context.Context //nolint:containedctx // of the test
	maker          *pgx.Conn
	busy           []*pgx.Conn // within transactions
	listener, idle *pgx.Conn   // one has a subscription, the other nothing
	collector      *pgx.Conn   // has a temporary table
	asked          int         // statements that are SELECTs
}

func (g *guests) connect(way string) *pgx.Conn {
	g.t.Helper()
	c, err := pgx.Connect(g.ctx, way)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func (g *guests) must(c *pgx.Conn, sql string) {
	g.t.Helper()
	if _, err := c.Exec(g.ctx, sql); err != nil {
		g.t.Fatalf("%s: %v", sql, err)
	}
}

func welcome(t *testing.T, ways []string) *guests {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*program.CallLimit)
	t.Cleanup(cancel)
	g := &guests{t: t, ctx: ctx, busy: make([]*pgx.Conn, 20)}
	g.maker = g.connect(ways[0])
	g.must(g.maker, "CREATE TABLE kept (n int)")
	for i := range g.busy {
		g.busy[i] = g.connect(ways[i%len(ways)])
		g.must(g.busy[i], "BEGIN")
		g.must(g.busy[i], fmt.Sprintf("INSERT INTO kept VALUES (%d)", i))
	}
	g.listener, g.idle, g.collector = g.connect(ways[0]), g.connect(ways[1]), g.connect(ways[2])
	g.must(g.listener, "LISTEN news")
	g.must(g.collector, "CREATE TEMP TABLE own AS VALUES (7)")
	return g
}

// cancelOne lets one of those that are busy wait, and cancels that.
func (g *guests) cancelOne() {
	g.t.Helper()
	c := g.busy[0]
	asleep := make(chan error, 1)
	go func() { _, err := c.Exec(g.ctx, "SELECT pg_sleep(100)"); asleep <- err }()
	g.asked++
	for { // a request that comes before the query does nothing
		if err := c.PgConn().CancelRequest(g.ctx); err != nil {
			g.t.Fatal(err)
		}
		select {
		case err := <-asleep:
			if err == nil || !strings.Contains(err.Error(), "57014") {
				g.t.Errorf("the query ended by %v", err)
			}
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// farewell has everybody end what they began, and checks that nothing is lost. way leads to whoever listens now.
func (g *guests) farewell(way string) {
	g.t.Helper()
	g.must(g.busy[0], "ROLLBACK")
	for _, c := range g.busy[1:] {
		g.must(c, "COMMIT")
	}
	g.must(g.idle, "NOTIFY news")
	if _, err := g.listener.WaitForNotification(g.ctx); err != nil {
		g.t.Error(err)
	}
	var n int
	if err := g.collector.QueryRow(g.ctx, "SELECT * FROM own").Scan(&n); err != nil || n != 7 {
		g.t.Errorf("in the temporary table is %d, %v", n, err)
	}
	last := g.connect(way)
	if err := last.QueryRow(g.ctx, "SELECT count(*) FROM kept").Scan(&n); err != nil || n != len(g.busy)-1 {
		g.t.Errorf("%d transactions were committed, %v", n, err)
	}
	g.asked += 2
	for _, c := range append(g.busy, g.listener, g.idle, g.collector, g.maker, last) {
		_ = c.Close(g.ctx)
	}
}

// recorded returns how many statements of a class are in the record, of which each line must be whole.
func recorded(t *testing.T, s *site, class string) (n int) {
	t.Helper()
	text, err := os.ReadFile(s.Path("data/audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r struct{ Event, Class, Statement string }
		if err := json.Unmarshal(line, &r); err != nil {
			t.Errorf("%v in %q", err, line)
		}
		if r.Event == "statement" && r.Statement == class {
			n++
		}
	}
	return n
}

// Issue 3: a new process takes over the listeners while the old one drains; nobody is dropped, nobody is refused, and the record of who
// did what has everything once.
func TestANewProcessTakesOverAndNobodyNotices(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	first := s.serve()
	ways := first.ways(db)
	g := welcome(t, ways)
	stop := newcomers(t, ways, first.edge)

	second := s.takeOver()
	second.ready()
	third := s.takeOver()
	third.ready()
	if third.postgres != first.postgres || third.edge != first.edge || third.s3 != first.s3 || third.admin != first.admin {
		t.Errorf("it listens elsewhere: %v, and first %v", third, first)
	}
	if err := visitByHTTP3(g.ctx, third.edge); err != nil {
		t.Error(err)
	}
	if text := s.Must("status"); !strings.Contains(text, fmt.Sprintf("process %d", first.PID)) {
		t.Errorf("the status does not tell who drains:\n%s", text)
	}
	g.cancelOne()
	g.farewell(ways[1])
	asked := g.asked + stop()
	for _, old := range []*node{first, second} {
		if code := old.Wait(stopLimit); code != 0 {
			t.Errorf("process %d ends with %d after its last client has left", old.PID, code)
		}
	}
	third.Signal(15)
	if code := third.Wait(stopLimit); code != 0 {
		t.Errorf("the last process ends with %d", code)
	}
	if n := recorded(t, s, "SELECT"); n != asked {
		t.Errorf("%d of %d statements are in the record", n, asked)
	}
	if n := recorded(t, s, "INSERT"); n != len(g.busy) {
		t.Errorf("%d of %d changes are in the record", n, len(g.busy))
	}
}
