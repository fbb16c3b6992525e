package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// chaos is a run in which everything goes wrong that can, and every answer carries who asked and for the how-many-eth time.
type chaos struct {
	t       *testing.T
	site    *site
	until   time.Time
	wrong   atomic.Int64
	answers [2]atomic.Int64
	lost    atomic.Int64 // connections that ended with a proper error, or because PostgreSQL or the run ended them
	refused atomic.Int64
	kills   atomic.Int64
	starts  atomic.Int64
}

// Trap 1, all others, and the bar of the project: nobody ever reads what somebody else asked for. 30 seconds, ten minutes with
// HOLDFAST_SOAK.
func TestNobodyReadsTheAnswerOfSomebodyElse(t *testing.T) {
	span := 30 * time.Second
	if os.Getenv("HOLDFAST_SOAK") != "" {
		span = 10 * time.Minute
	}
	s := setup{
		servers: 8, trust: true, options: []pgtest.Option{pgtest.Durable(), pgtest.Setting("max_connections", "60")},
		change: func(c *pooler.Config, pg *postgres.Config) {
			c.Hold = unit.Duration(20 * time.Second)
			c.PreparedStatements = 12 // so that statements are evicted
			pg.Options.Pool.MaxLifetime = unit.Duration(3 * time.Second)
		},
	}.start(t)
	s.db.Exec(t, "CREATE TABLE chaos (n text)", "GRANT ALL ON chaos TO app")
	c := &chaos{t: t, site: s, until: time.Now().Add(span)}
	c.run()
	t.Logf("%d answers in session mode, %d in transaction mode; %d connections lost, %d requests refused, %d backends killed, %d restarts; %d wrong",
		c.answers[0].Load(), c.answers[1].Load(), c.lost.Load(), c.refused.Load(), c.kills.Load(), c.starts.Load(), c.wrong.Load())
	if c.answers[0].Load() < 100 || c.answers[1].Load() < 1000 || c.kills.Load() < 5 || c.starts.Load() < 1 {
		t.Error("too little happened to show anything")
	}
}

func (c *chaos) run() {
	var clients, others sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	for i := range 40 {
		endpoint := min(i%4, 1) // most of them in transaction mode
		clients.Go(func() { c.client(i, endpoint) })
	}
	others.Go(func() { c.kill(ctx) })
	others.Go(func() { c.restart(ctx) })
	clients.Wait()
	stop()
	others.Wait()
}

// kill ends backends at random.
func (c *chaos) kill(ctx context.Context) {
	for tick := time.NewTicker(150 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		conn, err := pgx.Connect(ctx, c.site.db.URL())
		if err != nil {
			continue // it restarts
		}
		tag, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' ORDER BY random() LIMIT 1`)
		if err == nil {
			c.kills.Add(tag.RowsAffected())
		}
		_ = conn.Close(ctx)
	}
}

// restart stops PostgreSQL and starts it again, by turns politely and not.
func (c *chaos) restart(ctx context.Context) {
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(7 * time.Second):
		}
		if i%2 == 0 {
			c.site.server.Stop(c.t)
		} else {
			c.site.server.Kill(c.t)
		}
		c.site.server.Start(c.t)
		c.starts.Add(1)
	}
}

// client connects, asks this and that, and connects again when it has to.
func (c *chaos) client(id, endpoint int) {
	r := rand.New(rand.NewPCG(uint64(id), uint64(time.Now().UnixNano()))) //nolint:gosec // small; any number
	for serial := 0; time.Now().Before(c.until); {
		w, err := enter(c.site.pooler.Addr(endpoint), "app", c.site.db.Name)
		if err != nil {
			c.judge(id, "log in", err)
			continue
		}
		a := &asker{chaos: c, r: r, id: id, endpoint: endpoint, w: w, serial: &serial, names: map[string]string{}}
		for n := 1 + r.IntN(40); n > 0 && err == nil && time.Now().Before(c.until); n-- {
			err = a.something()
		}
		if err != nil && !errors.Is(err, errLeft) {
			c.judge(id, a.doing, err)
		}
		w.vanish(r.IntN(2) == 0)
	}
}

// judge tells ends of a connection that may be from those that may not.
func (c *chaos) judge(id int, doing string, err error) {
	var e *stopped
	var n net.Error
	switch {
	case errors.As(err, &e) && strings.Contains("57P01 57P02 57P03 57P05 08006 53300 XX000", e.Code):
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
	default:
		if errors.As(err, &n) && n.Timeout() {
			err = fmt.Errorf("no answer in a minute: %w", err)
		}
		if c.wrong.Add(1) < 10 {
			c.t.Errorf("client %d, %s: %v", id, doing, err)
		}
		return
	}
	c.lost.Add(1)
}

var errLeft = errors.New("the client left by itself")

// alarm fails the test when the pooler says that something is out of step.
type alarm struct {
	slog.Handler
	t testing.TB
}

// Handle implements slog.Handler.
func (h *alarm) Handle(ctx context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "out of step") {
		h.t.Errorf("%s %v", r.Message, attributes(r))
	}
	return h.Handler.Handle(ctx, r)
}

func attributes(r slog.Record) (all []string) {
	r.Attrs(func(a slog.Attr) bool { all = append(all, a.String()); return true })
	return all
}
