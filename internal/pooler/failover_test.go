package pooler_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// load is clients that write one row after the other, each with a number of its own, and note which were confirmed.
type load struct {
	site     *site
	endpoint int
	stop     atomic.Bool
	all      sync.WaitGroup

	mu        sync.Mutex // protects the following
	confirmed map[int]bool
	lost      []error // one for each connection that was lost
	refused   []string
	longest   time.Duration
}

// begin starts n clients, in a table of their own.
func (s *site) begin(t *testing.T, endpoint, n int) *load {
	t.Helper()
	w := s.wire(t, 1)
	w.must("CREATE TABLE IF NOT EXISTS written (id int PRIMARY KEY)")
	_ = w.conn.Close()
	l := &load{site: s, endpoint: endpoint, confirmed: map[int]bool{}}
	for i := range n {
		l.all.Go(func() { l.client(t, i*1_000_000) })
	}
	return l
}

// client writes until it is told to stop, and connects again when it is thrown out.
func (l *load) client(t *testing.T, id int) {
	var w *wire
	for !l.stop.Load() {
		began := time.Now()
		if w == nil {
			fresh := l.site.dial(t, l.endpoint)
			if err := fresh.logIn(l.site, pgwire.Version30); err != nil {
				l.note(id, false, time.Since(began), "log-in: "+err.Error(), nil)
				continue
			}
			w = fresh
		}
		id++
		_, _ = w.conn.Write(pgwire.AppendSync(asked("", "INSERT INTO written VALUES ($1)", strconv.Itoa(id)))) // the answer tells
		a, err := w.next()
		l.note(id, err == nil && a.code() == "", time.Since(began), a.code(), err)
		if err != nil {
			_ = w.conn.Close()
			w = nil
		}
	}
}

func (l *load) note(id int, done bool, took time.Duration, code string, lost error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = max(l.longest, took)
	switch {
	case done:
		l.confirmed[id] = true
	case lost != nil:
		l.lost = append(l.lost, fmt.Errorf("%s %w", code, lost))
	default:
		l.refused = append(l.refused, code)
	}
}

// end stops the clients and returns what each was told.
func (l *load) end() {
	l.stop.Store(true)
	l.all.Wait()
}

// written waits until so many more rows were confirmed.
func (l *load) written(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.confirmed)
	}
	from := count()
	eventually(t, "rows are written", func() bool { return count() >= from+more })
}

// missing returns the rows that were confirmed and are not there.
func (l *load) missing(t *testing.T) []int {
	t.Helper()
	w := l.site.wire(t, 1)
	there := map[string]bool{}
	for _, id := range strings.Split(w.must("SELECT id FROM written"), ",") {
		there[id] = true
	}
	var missing []int
	for id := range l.confirmed {
		if !there[strconv.Itoa(id)] {
			missing = append(missing, id)
		}
	}
	return missing
}

// cast is clients in all the states that a failover may find them in.
type cast struct{ idle, fresh, open, session, pinned *wire }

func (s *site) cast(t *testing.T) cast {
	t.Helper()
	c := cast{idle: s.wire(t, 1), fresh: s.wire(t, 0), open: s.wire(t, 1), session: s.wire(t, 0), pinned: s.wire(t, 1)}
	c.idle.must("SELECT 1")
	c.idle.must("SET work_mem = '7MB'")
	c.idle.ask("kept", "SELECT current_setting('work_mem'), pg_postmaster_start_time()")
	c.open.must("BEGIN")
	c.open.must("SELECT 1")
	c.session.must("SELECT 1")
	c.pinned.must("CREATE TEMP TABLE mine (i int)")
	return c
}

// told checks that those who had something on the server read why it is gone, and no others do.
func (c cast) told(t *testing.T, codes string) {
	t.Helper()
	for name, w := range map[string]*wire{"in transaction": c.open, "session": c.session, "pinned": c.pinned} {
		if n := w.end(); n.Severity != "FATAL" || !strings.Contains(codes, n.Code) {
			t.Errorf("%s: %+v", name, n)
		}
		w.gone()
	}
}

// goOn checks that those who had nothing on the server go on, with what they had, at another server than before.
func (c cast) goOn(t *testing.T, before string) {
	t.Helper()
	c.idle.send(pgwire.AppendSync(asked("kept", "")))
	c.fresh.send(pgwire.AppendQuery(nil, who))
	if a := c.idle.answer(); a.code() != "" || !strings.HasPrefix(a.rows[0], "7MB|") || strings.HasSuffix(a.rows[0], before) {
		t.Errorf("idle client: %+v", a)
	}
	if a := c.fresh.answer(); a.code() != "" || a.rows[0] == before {
		t.Errorf("fresh client: %+v", a)
	}
}

// S2-06: the primary is killed and a replica is promoted. Those who wait for nothing go on; nobody gets the old primary back.
func TestAPrimaryIsKilledAndAReplicaIsPromoted(t *testing.T) {
	t.Parallel()
	f := herd(t, 1, nil)
	before := f.wire(t, 1).must(who)
	c := f.cast(t)
	f.primary.Kill(t)
	c.told(t, "57P01 08006")
	waits := make(chan struct{})
	go func() { defer close(waits); c.goOn(t, before) }() // ends when its queries are answered, or with their time limit
	f.waiting(t, 2)
	f.replicas[0].Promote(t)
	<-waits
	f.must(t, 1, "CREATE TABLE after_failover (i int)", "INSERT INTO after_failover VALUES (1)")
	f.primary.Start(t) // it comes back as if nothing had been
	for range 20 {
		w := f.wire(t, 1)
		if got := w.must(who); got == before {
			t.Fatal("the old primary is back")
		}
		w.must("INSERT INTO after_failover VALUES (2)")
		_ = w.conn.Close()
		if got := f.wire(t, readers).must("SELECT count(*) > 0 FROM after_failover"); got != "t" {
			t.Fatal("somebody reads the old primary")
		}
	}
	nobody(t, f.primary)
}

// nobody checks that no client is on a server.
func nobody(t *testing.T, pg *pgtest.PG) {
	t.Helper()
	const others = `SELECT string_agg(usename || ' ' || application_name, ', ') FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND usename <> current_user AND application_name <> 'holdfast cluster'`
	eventually(t, "nobody is on the old primary", func() bool { return ask(t, pg, others) == "<nil>" })
}

// A replica is promoted while the old primary runs on, as when the network is cut: nobody stays there, whatever they do.
func TestNobodyStaysOnAPrimaryThatWasReplaced(t *testing.T) {
	t.Parallel()
	f := herd(t, 1, nil)
	before := f.wire(t, 1).must(who)
	c := f.cast(t)
	busy := f.wire(t, 1)
	busy.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(60)"))
	f.running(t, "pg_sleep", 1)
	reads := f.wire(t, sessional)
	reads.must(isReplica)
	f.replicas[0].Promote(t)
	c.told(t, "57P01")
	if n := busy.end(); n.Code != "57P01" || !strings.Contains(n.Message, "the primary is another server now") {
		t.Errorf("%+v", n)
	}
	if n := reads.end(); n.Code != "57P01" || !strings.Contains(n.Message, "not a replica any more") {
		t.Errorf("a reader of the replica that is the primary now: %+v", n)
	}
	c.goOn(t, before)
	if got := f.wire(t, 0).must(who); got == before {
		t.Error("a new client got the old primary")
	}
	nobody(t, f.primary)
}

// S2-11: a switchover with the pools paused breaks nothing: no client sees an error, and nothing that was confirmed is lost.
func TestASwitchoverWithPausedPoolsBreaksNothing(t *testing.T) {
	t.Parallel()
	f := herd(t, 1, func(_ *pooler.Config, pg *postgres.Config) { pg.Options.Pool.MaxSize = 4 })
	l := f.begin(t, 1, 8)
	l.written(t, 100)
	began := time.Now()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if _, err := f.pooler.Pause(ctx, ""); err != nil {
		t.Fatal(err)
	}
	f.primary.Stop(t) // it ends when its replica has everything
	f.replicas[0].Promote(t)
	if _, err := f.pooler.Resume(""); err != nil {
		t.Fatal(err)
	}
	l.written(t, 100)
	t.Logf("no writes for %v", time.Since(began))
	l.end()
	if len(l.lost)+len(l.refused) > 0 {
		t.Errorf("lost %v, refused %v", l.lost, l.refused)
	}
	if m := l.missing(t); len(m) > 0 {
		t.Errorf("confirmed and not there: %v", m)
	}
	t.Logf("%d rows, none lost; the longest statement took %v", len(l.confirmed), l.longest)
}

// S1-09: a restart of PostgreSQL under load costs what is under way, and nothing else.
func TestARestartUnderLoadCostsOnlyWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s, server := private(t, 25*time.Second)
	const clients = 8
	l := s.begin(t, 1, clients)
	var idle []*wire
	for range 20 {
		w := s.wire(t, 1)
		w.must("SELECT 1")
		idle = append(idle, w)
	}
	l.written(t, 100)
	server.Restart(t)
	for _, w := range idle {
		if got := w.must("SELECT 'goes on'"); got != "goes on" {
			t.Error(got)
		}
	}
	l.written(t, 100)
	l.end()
	if len(l.lost) > clients || len(l.refused) > 0 {
		t.Errorf("lost %d connections of %d clients (%v), refused %v", len(l.lost), clients, l.lost, l.refused)
	}
	if m := l.missing(t); len(m) > 0 {
		t.Errorf("confirmed and not there: %v", m)
	}
	t.Logf("%d rows, %d statements were under way; the longest statement took %v", len(l.confirmed), len(l.lost), l.longest)
}
