package pooler_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// flock is a primary with replicas behind one pooler.
type flock struct {
	*site
	primary  *pgtest.PG
	replicas []*pgtest.PG
	numbers  *prometheus.Registry // what the pooler counts
}

// The endpoints of a flock behind the two of every site.
const (
	readers   = 2 + iota // replicas in transaction mode; the primary for want of them
	strict               // replicas or an error
	sticky               // a replica that shows what its reader wrote
	sessional            // replicas in session mode
)

// socketOf returns the path of a server's socket.
func socketOf(pg *pgtest.PG) string { return filepath.Join(pg.Host, ".s.PGSQL."+strconv.Itoa(pg.Port)) }

// herd starts a primary with n replicas and a pooler in front of them, and waits until the pooler knows them all.
func herd(t *testing.T, n int, change func(*pooler.Config, *postgres.Config)) *flock {
	t.Helper()
	f := &flock{primary: pgtest.Cluster(t, pgtest.Durable()), numbers: prometheus.NewPedanticRegistry()}
	for range n {
		f.replicas = append(f.replicas, pgtest.Replica(t, f.primary, pgtest.Durable()))
	}
	count := func(o *pooler.Options) { o.Meters = pooler.NewMeters(f.numbers) }
	f.site = setup{server: f.primary, plug: count, change: func(c *pooler.Config, pg *postgres.Config) {
		for _, r := range f.replicas {
			c.Replicas = append(c.Replicas, socketOf(r))
		}
		c.Endpoints = append(c.Endpoints,
			pooler.Endpoint{Listen: "127.0.0.3:0", Target: pooler.TargetReplica, Mode: pooler.ModeTransaction},
			pooler.Endpoint{Listen: "127.0.0.4:0", Target: pooler.TargetReplica, Mode: pooler.ModeTransaction, NoReplica: "error", Timeout: unit.Duration(3 * time.Second)},
			pooler.Endpoint{Listen: "127.0.0.5:0", Target: pooler.TargetReplica, Mode: pooler.ModeTransaction, ReadYourWrites: true},
			pooler.Endpoint{Listen: "127.0.0.6:0", Target: pooler.TargetReplica},
		)
		if change != nil {
			change(c, pg)
		}
	}}.prepare(t)
	f.primary.Exec(t, "GRANT pg_monitor TO "+f.role())
	f.caughtUp(t)
	if err := f.pooler.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// caughtUp waits until the replicas have replayed what the primary wrote.
func (f *flock) caughtUp(t *testing.T) {
	t.Helper()
	want := f.super(t, "SELECT pg_current_wal_insert_lsn()::text")
	for _, r := range f.replicas {
		if r.PID() == 0 {
			continue
		}
		eventually(t, "the replica has replayed "+want, func() bool {
			return ask(t, r, "SELECT pg_last_wal_replay_lsn() >= '"+want+"'") == "true"
		})
	}
}

// ask asks a server as superuser, beside the pooler.
func ask(t *testing.T, pg *pgtest.PG, sql string) string {
	t.Helper()
	s := &site{direct: (&pgtest.DB{Name: "postgres", Server: pg}).Pool(t)}
	defer s.direct.Close()
	text, err := s.try(t, sql)
	if err != nil {
		return err.Error()
	}
	return text
}

const (
	isReplica = "SELECT pg_is_in_recovery()"
	who       = "SELECT pg_postmaster_start_time()"
)

// S2-13, S2-14, S1-21, C-02, E-26.
func TestAReplicaEndpoint(t *testing.T) {
	t.Parallel()
	f := herd(t, 2, func(c *pooler.Config, pg *postgres.Config) {
		c.Endpoints[readers].MaxSize, c.Endpoints[readers].MaxLag = 8, unit.Duration(2*time.Second)
		c.Endpoints[strict].MaxLag = unit.Duration(2 * time.Second)
	})
	f.must(t, 1, "CREATE TABLE notes (id int)", "INSERT INTO notes VALUES (1)")
	f.caughtUp(t)
	t.Run("leads to replicas, in turn", f.leadsToReplicas)
	t.Run("refuses writes with PostgreSQL's error and a hint", f.refusesWrites)
	t.Run("has a pool of its own", f.hasItsOwnPool)
	t.Run("waits for a position", f.waitsForAPosition)
	t.Run("takes a position back", f.takesAPositionBack)
	t.Run("shows a reader what it wrote", f.showsOwnWrites)
	t.Run("leaves replicas alone that are behind", f.leavesLaggards)
	t.Run("goes on when a replica dies", f.outlivesAReplica)
}

func (f *flock) must(t *testing.T, endpoint int, all ...string) {
	t.Helper()
	w := f.wire(t, endpoint)
	defer w.conn.Close()
	for _, sql := range all {
		w.must(sql)
	}
}

func (f *flock) leadsToReplicas(t *testing.T) {
	for _, endpoint := range []int{readers, strict, sticky, sessional} {
		w := f.wire(t, endpoint)
		if endpoint == sticky { // somebody of this name has just written
			eventually(t, "the write is on the replicas", func() bool { return w.must(isReplica) == "t" })
		}
		if got := w.must(isReplica); got != "t" {
			t.Errorf("endpoint %d: %s", endpoint, got)
		}
		if v := w.params["in_hot_standby"]; f.primary.Major >= 14 && v != "on" {
			t.Errorf("endpoint %d: in_hot_standby is %q", endpoint, v)
		}
		_ = w.conn.Close()
	}
	for _, endpoint := range []int{0, 1} {
		if got := f.wire(t, endpoint).must(isReplica); got != "f" {
			t.Errorf("endpoint %d leads to a replica", endpoint)
		}
	}
	held := map[string]int{}
	var open []*wire
	for range 6 {
		w := f.wire(t, readers)
		w.must("BEGIN")
		held[w.must(who)]++
		open = append(open, w)
	}
	if len(held) != 2 {
		t.Fatalf("transactions were spread as %v", held)
	}
	for _, n := range held {
		if n != 3 {
			t.Errorf("transactions were spread as %v, want 3 and 3", held)
		}
	}
	for _, w := range open {
		w.must("COMMIT")
	}
	f.bothAreRead(t, f.wire(t, strict))
}

// bothAreRead waits until a client is sent to one replica after the other.
func (f *flock) bothAreRead(t *testing.T, w *wire) {
	t.Helper()
	seen := map[string]bool{}
	eventually(t, "both replicas are read", func() bool {
		seen[w.must(who)] = true
		return len(seen) == 2
	})
}

func (f *flock) refusesWrites(t *testing.T) {
	for _, endpoint := range []int{readers, sessional} {
		w := f.wire(t, endpoint)
		for sql, code := range map[string]string{
			"INSERT INTO notes VALUES (2)":                  "25006",
			"CREATE TEMP TABLE t (i int)":                   "25006",
			"LISTEN news":                                   "25006",
			"SELECT * FROM notes FOR UPDATE":                "25006",
			"BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1":  "0A000", // PostgreSQL has a hint for it
			"SELECT nextval('pg_catalog.pg_class_oid_seq')": "42P01", // an error of another kind has no hint of ours
		} {
			simple := w.query(sql)
			w.query("ROLLBACK")
			extended := simple
			if !strings.Contains(sql, ";") {
				extended = w.ask("", sql)
			}
			for _, a := range []answer{simple, extended} {
				hinted := len(a.errors) == 1 && strings.Contains(a.errors[0].Hint, `target = "primary"`)
				if a.code() != code || hinted != (code == "25006") || a.status != 'I' {
					t.Errorf("endpoint %d, %s: %+v", endpoint, sql, a)
				}
			}
		}
		if got := w.must("SELECT count(*) FROM notes"); got != "1" {
			t.Error(got)
		}
	}
}

func (f *flock) hasItsOwnPool(t *testing.T) {
	var all []*wire
	for range 16 { // eight on each replica
		w := f.wire(t, readers)
		w.must("BEGIN")
		w.must("SELECT 1")
		all = append(all, w)
	}
	late := f.wire(t, readers)
	late.send(pgwire.AppendQuery(nil, "SELECT 'late'"))
	f.waiting(t, 1)
	before := [2]string{f.waits(t, readers), f.waits(t, strict)}
	began := time.Now()
	f.must(t, 1, "SELECT 1")
	f.must(t, 0, "SELECT 1")
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the primary's pool was kept waiting for %v", d)
	}
	for _, w := range all {
		w.must("COMMIT")
	}
	if a := late.answer(); strings.Join(a.rows, "") != "late" {
		t.Errorf("%+v", a)
	}
	if here, there := f.waits(t, readers), f.waits(t, strict); here == before[0] || there != before[1] {
		t.Errorf("%q waits at the endpoint where somebody waited, %q at another one, before %q", here, there, before)
	}
}

// waits returns how many requests of an endpoint had to wait, "" for none.
func (f *flock) waits(t *testing.T, endpoint int) string {
	return gather(t, f.numbers)[fmt.Sprintf("holdfast_pooler_wait_seconds_count{database=%q,endpoint=\"127.0.0.%d:0\"}", f.db.Name, endpoint+1)]
}

// replay pauses the replay of the replicas, or resumes it.
func (f *flock) replay(t *testing.T, resume bool) {
	t.Helper()
	for _, r := range f.replicas {
		if resume {
			r.Exec(t, "SELECT pg_wal_replay_resume()")
			continue
		}
		r.Exec(t, "SELECT pg_wal_replay_pause()")
		if f.primary.Major >= 14 {
			eventually(t, "replay is paused", func() bool { return ask(t, r, "SELECT pg_get_wal_replay_pause_state()") == "paused" })
		}
	}
}

func (f *flock) waitsForAPosition(t *testing.T) {
	patient, relaxed := f.wire(t, strict), f.wire(t, readers)
	f.replay(t, false)
	w := f.wire(t, 1)
	w.must("INSERT INTO notes VALUES (3)")
	lsn := w.must("SELECT pg_current_wal_insert_lsn()")
	set := "SET holdfast.min_lsn = '" + lsn + "'"
	relaxed.must(set)
	if got := relaxed.must("SELECT pg_is_in_recovery(), count(*) FROM notes WHERE id = 3"); got != "f|1" {
		t.Errorf("without a replica that is up to date: %s", got)
	}
	if a := relaxed.query("INSERT INTO notes VALUES (4)"); a.code() != "25006" {
		t.Errorf("a write on a replica endpoint that the primary answers: %+v", a)
	}
	atStart := f.wire(t, readers, pgwire.Param{Name: "options", Value: "-c holdfast.min_lsn=" + lsn})
	if got := atStart.must(isReplica); got != "f" {
		t.Error("the setting in options was overlooked")
	}
	patient.must(set)
	if a := patient.query("SELECT 1"); a.code() != "57P03" {
		t.Errorf("nobody has the position: %+v", a)
	}
	patient.send(pgwire.AppendQuery(nil, "SELECT 2"))
	f.cancelled(t, patient)
	patient.send(pgwire.AppendQuery(nil, "SELECT count(*), pg_is_in_recovery() FROM notes WHERE id = 3"))
	f.replay(t, true)
	if a := patient.answer(); strings.Join(a.rows, "") != "1|t" {
		t.Errorf("after replay: %+v", a)
	}
	relaxed.must("SET holdfast.min_lsn = 'soon'")
	if a := relaxed.query("SELECT 1"); a.code() != "22023" || a.types != "EZ" {
		t.Errorf("a position that is none: %+v", a)
	}
}

// cancelled sends cancel requests for a client until its query ends by one.
func (f *flock) cancelled(t *testing.T, w *wire) {
	t.Helper()
	done := make(chan answer, 1)
	go func() { done <- w.answer() }() // ends with the query, which ends by itself after some seconds
	for {
		c := f.dial(t, strict)
		c.send(pgwire.AppendCancel(nil, w.pid, w.key))
		select {
		case a := <-done:
			if a.code() != "57014" {
				t.Errorf("cancelled while it waits for a replica: %+v", a)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (f *flock) showsOwnWrites(t *testing.T) {
	w, r := f.wire(t, 1), f.wire(t, sticky)
	f.replay(t, false)
	for i := range 30 {
		id := strconv.Itoa(100 + i)
		if i%2 == 0 {
			w.must("INSERT INTO notes VALUES (" + id + ")")
		} else {
			w.must("BEGIN")
			w.must("INSERT INTO notes VALUES (" + id + ")")
			w.must("COMMIT")
		}
		if got := r.must("SELECT count(*) FROM notes WHERE id = " + id); got != "1" {
			t.Fatalf("write %s is not read", id)
		}
	}
	f.replay(t, true)
	eventually(t, "a replica is read again", func() bool {
		got := r.must("SELECT pg_is_in_recovery(), count(*) FROM notes WHERE id BETWEEN 100 AND 129")
		if !strings.HasSuffix(got, "|30") {
			t.Fatal(got)
		}
		return strings.HasPrefix(got, "t")
	})
}

func (f *flock) leavesLaggards(t *testing.T) {
	lenient, hard, slow := f.wire(t, readers), f.wire(t, strict), f.wire(t, sticky)
	f.replay(t, false)
	w := f.wire(t, 1)
	eventually(t, "the primary is read for want of a replica", func() bool {
		w.must("INSERT INTO notes VALUES (5)")
		return lenient.must(isReplica) == "f"
	})
	if v := lenient.params["in_hot_standby"]; f.primary.Major >= 14 && v != "off" {
		t.Errorf("in_hot_standby is %q", v)
	}
	eventually(t, "reads are refused for want of a replica", func() bool { return hard.query("SELECT 1").code() == "57P03" })
	_ = slow.must("SELECT 1") // its limit is ten seconds
	f.replay(t, true)
	eventually(t, "replicas are read again", func() bool { return lenient.must(isReplica) == "t" && hard.query("SELECT 1").code() == "" })
}

func (f *flock) outlivesAReplica(t *testing.T) {
	w, idle := f.wire(t, readers), f.wire(t, readers)
	idle.must("SELECT 1")
	f.bothAreRead(t, f.wire(t, strict))
	f.replicas[0].Kill(t)
	killed := time.Now()
	for i := range 400 {
		w.send(pgwire.AppendQuery(nil, isReplica))
		a, err := w.next()
		if err != nil && time.Since(killed) < 2*time.Second { // it was under way when its server died
			w = f.wire(t, readers)
			continue
		}
		if err != nil || a.code() != "" || a.rows[0] != "t" {
			t.Fatalf("read %d after a replica died: %+v", i, a)
		}
	}
	for range 4 {
		if got := idle.must(isReplica); got != "t" {
			t.Error(got)
		}
	}
	if got := f.wire(t, readers).must(isReplica); got != "t" {
		t.Errorf("a log-in after a replica died: %s", got)
	}
	f.replicas[1].Stop(t)
	eventually(t, "the primary is read", func() bool { a := w.query(isReplica); return a.code() == "" && a.rows[0] == "f" })
	eventually(t, "reads are refused", func() bool { return f.refusedAtLogIn(t) == "57P03" })
	f.replicas[0].Start(t)
	eventually(t, "a replica is read again", func() bool { return w.must(isReplica) == "t" })
}

func (f *flock) refusedAtLogIn(t *testing.T) string {
	t.Helper()
	w := f.dial(t, strict)
	defer w.conn.Close()
	if err := w.logIn(f.site, pgwire.Version30); err != nil {
		if e, ok := err.(*refusedError); ok { //nolint:errorlint // as it was made
			return e.Code
		}
		return fmt.Sprint(err)
	}
	return ""
}
