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
	"holdfast/internal/pgwire"
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

// asker is one connection of a client.
type asker struct {
	*chaos
	r            *rand.Rand
	id, endpoint int
	w            *wire
	serial       *int
	names        map[string]string // prepared statements, and what each says
	doing        string
}

// nonce returns what no other answer contains.
func (a *asker) nonce() string {
	*a.serial++
	return fmt.Sprintf("<%d:%d:%x>", a.id, *a.serial, a.r.Uint32())
}

// something does one of the things that clients do.
func (a *asker) something() error {
	all := []struct {
		name string
		do   func() error
	}{
		{"simple", a.simple},
		{"simple", a.simple},
		{"extended", a.extended},
		{"extended", a.extended},
		{"prepared", a.prepared},
		{"prepared", a.prepared},
		{"pipeline", a.pipeline},
		{"pipeline", a.pipeline},
		{"transaction", a.transaction},
		{"copy out", a.copyOut},
		{"copy in", a.copyIn},
		{"slow", a.slow},
		{"cancel", a.cancel},
		{"setting", a.setting},
		{"large", a.large},
		{"leave", a.leave},
		{"nonsense", a.nonsense},
	}
	what := all[a.r.IntN(len(all))]
	a.doing = what.name
	return what.do()
}

// read reads one answer and compares it; refusals of the pool are answers, too.
func (a *asker) read(want string, codes ...string) error {
	got, err := a.w.answer()
	if err != nil {
		return err
	}
	a.answers[a.endpoint].Add(1)
	if got.code == "53300" || got.code == "57P03" {
		a.refused.Add(1)
		return nil
	}
	for _, code := range codes {
		if got.code == code {
			return nil
		}
	}
	if got.code != "" || got.row() != want {
		return fmt.Errorf("%.200q %s %s; want %.200q %v", got.row(), got.code, got.text, want, codes)
	}
	return nil
}

func (a *asker) simple() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "SELECT '"+n+"'")); err != nil {
		return err
	}
	return a.read(n)
}

func (a *asker) extended() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendSync(ask(nil, "", "SELECT $1::text", n))); err != nil {
		return err
	}
	return a.read(n)
}

// prepared uses a named statement, which says the client's own number, whatever server it comes to.
func (a *asker) prepared() error {
	name := fmt.Sprintf("s%d", a.r.IntN(20))
	says, ok := a.names[name]
	n, sql := a.nonce(), ""
	if !ok {
		says = fmt.Sprintf("client %d %s ", a.id, name)
		sql = "SELECT '" + says + "' || $1::text"
	}
	if err := a.w.send(pgwire.AppendSync(ask(nil, name, sql, n))); err != nil {
		return err
	}
	before := a.refused.Load()
	if err := a.read(says + n); err != nil {
		return err
	}
	if a.refused.Load() != before && !ok {
		return errLeft // perhaps ours was refused, and the name is free
	}
	a.names[name] = says
	return nil
}

// pipeline sends many at once, some of which fail.
func (a *asker) pipeline() error {
	var b []byte
	var want []string
	for range 2 + a.r.IntN(30) {
		switch n := a.nonce(); a.r.IntN(6) {
		case 0:
			b = pgwire.AppendSync(ask(ask(b, "", "SELECT 1/$1::int", "0"), "", "SELECT $1::text", "skipped"))
			want = append(want, "error")
		case 1:
			b = pgwire.AppendQuery(b, "SELECT '"+n+"'")
			want = append(want, n)
		case 2:
			b = pgwire.AppendSync(ask(ask(b, "", "SELECT $1::text", n), "", "SELECT $1::text", n+"2"))
			want = append(want, n+","+n+"2")
		default:
			b = pgwire.AppendSync(ask(b, "", "SELECT $1::text", n))
			want = append(want, n)
		}
	}
	if err := a.w.send(b); err != nil {
		return err
	}
	for _, n := range want {
		var codes []string
		if n == "error" {
			codes = []string{"22012"}
		}
		if err := a.read(n, codes...); err != nil {
			return err
		}
	}
	return nil
}

// transaction does several things on one server, and rolls back or commits.
func (a *asker) transaction() error {
	n := a.nonce()
	steps := []struct{ sql, want string }{
		{"BEGIN", ""},
		{"CREATE TEMP TABLE tt ON COMMIT DROP AS SELECT '" + n + "' AS n", ""},
		{"SELECT n FROM tt", n},
		{"SELECT n || n FROM tt", n + n},
		{[]string{"COMMIT", "ROLLBACK"}[a.r.IntN(2)], ""},
	}
	for i, step := range steps {
		if err := a.w.send(pgwire.AppendQuery(nil, step.sql)); err != nil {
			return err
		}
		before := a.refused.Load()
		if err := a.read(step.want); err != nil {
			return err
		}
		if i == 0 && a.refused.Load() != before {
			return errLeft // perhaps it was our BEGIN
		}
		if a.r.IntN(40) == 0 {
			return errLeft // in the middle
		}
	}
	return nil
}

func (a *asker) copyOut() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "COPY (SELECT '"+n+"' || i FROM generate_series(1, 300) i) TO STDOUT")); err != nil {
		return err
	}
	var want []string
	for i := range 300 {
		want = append(want, n+fmt.Sprint(i+1))
	}
	return a.read(strings.Join(want, ","))
}

// copyIn begins a COPY and ends it in one of several ways.
func (a *asker) copyIn() error {
	if err := a.w.send(pgwire.AppendQuery(nil, "COPY chaos FROM STDIN")); err != nil {
		return err
	}
	got, err := a.w.answer()
	if err != nil {
		return err
	}
	if got.ends != "" { // refused, or there is no such table
		if got.code != "53300" && got.code != "57P03" && got.code != "42P01" {
			return fmt.Errorf("COPY: %s %s", got.code, got.text)
		}
		return nil
	}
	data := pgwire.AppendCopyData(nil, []byte(strings.Repeat(a.nonce()+"\n", 1+a.r.IntN(2000))))
	switch a.r.IntN(4) {
	case 0:
		data = pgwire.AppendCopyFail(data, "changed my mind")
	case 1:
		data = pgwire.AppendBare(pgwire.AppendCopyData(data, []byte("too\tmany\n")), pgwire.FrontendCopyDone)
	case 2:
		_ = a.w.send(data)
		return errLeft
	default:
		data = pgwire.AppendBare(data, pgwire.FrontendCopyDone)
	}
	if err := a.w.send(data); err != nil {
		return err
	}
	if err := a.read("", "57014", "22P04"); err != nil {
		return err
	}
	return a.simple()
}

// slow reads a large answer bit by bit.
func (a *asker) slow() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, "SELECT '"+n+"' || repeat('x', 20000) FROM generate_series(1, 200)")); err != nil {
		return err
	}
	<-time.After(time.Duration(a.r.IntN(100)) * time.Millisecond) // the server has to stop meanwhile
	row := n + strings.Repeat("x", 20_000)
	return a.read(strings.TrimSuffix(strings.Repeat(row+",", 200), ","))
}

// cancel asks for something long and changes its mind.
func (a *asker) cancel() error {
	n := a.nonce()
	if err := a.w.send(pgwire.AppendQuery(nil, fmt.Sprintf("SELECT '%s' || pg_sleep(%f)::text", n, a.r.Float64()/20))); err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", a.site.pooler.Addr(a.endpoint), time.Minute)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = conn.Write(pgwire.AppendCancel(nil, a.w.pid, a.w.key))
	_, _ = conn.Read(make([]byte, 1))
	_ = conn.Close()
	return a.read(n, "57014")
}

// setting sets something and looks whether it has it on the next server.
func (a *asker) setting() error {
	n := fmt.Sprint(100 + a.r.IntN(900))
	for _, step := range [][2]string{
		{"SET work_mem = " + n, ""},
		{"SET application_name = 'n" + n + "'", ""},
		{"SELECT current_setting('work_mem') || current_setting('application_name')", n + "kBn" + n},
	} {
		if err := a.w.send(pgwire.AppendQuery(nil, step[0])); err != nil {
			return err
		}
		before := a.refused.Load()
		if err := a.read(step[1]); err != nil {
			return err
		}
		if a.refused.Load() != before {
			return errLeft // perhaps it was ours
		}
	}
	return nil
}

func (a *asker) large() error {
	n := a.nonce() + strings.Repeat("l", a.r.IntN(300_000))
	if err := a.w.send(pgwire.AppendSync(ask(nil, "", "SELECT $1::text", n))); err != nil {
		return err
	}
	return a.read(n)
}

// leave goes in the middle of something.
func (a *asker) leave() error {
	b := pgwire.AppendSync(ask(nil, "", "SELECT $1::text, pg_sleep(0.01)", a.nonce()))
	b = append(b, pgwire.AppendSync(ask(nil, "", "SELECT $1::text", a.nonce()))...)
	_ = a.w.send(b[:a.r.IntN(len(b))])
	return errLeft
}

// nonsense says what nobody should, and goes on after it.
func (a *asker) nonsense() error {
	if err := a.w.send(pgwire.AppendSync(pgwire.AppendBind(pgwire.AppendFlush(nil), "", "no such statement", nil, nil, nil))); err != nil {
		return err
	}
	if err := a.read("", "26000"); err != nil {
		return err
	}
	return a.extended()
}

var _ slog.Handler = (*alarm)(nil)

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
