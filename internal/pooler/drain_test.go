package pooler_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// Trap 19: when the pooler stops, a transaction under way finishes, and who does nothing is told to connect again.
func TestTrap19AStopLetsTransactionsFinish(t *testing.T) {
	t.Parallel()
	s := sized(6).start(t)
	s.super(t, "CREATE TABLE done (n int)")
	s.super(t, "GRANT ALL ON done TO "+s.role())
	idle, idleSession := s.wire(t, 1), s.wire(t, 0)
	idleSession.must("SET work_mem = '7MB'")
	running, open, openSession := s.wire(t, 1), s.wire(t, 1), s.wire(t, 0)
	open.must("BEGIN; INSERT INTO done VALUES (1)")
	openSession.must("BEGIN; INSERT INTO done VALUES (2)")
	running.send(pgwire.AppendQuery(nil, "INSERT INTO done SELECT 3 FROM pg_sleep(0.5)"))
	s.running(t, "pg_sleep", 1)
	stopped := make(chan error, 1)
	go func() { // ends when Stop does
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		stopped <- s.pooler.Stop(ctx)
	}()
	for name, w := range map[string]*wire{"idle": idle, "idle session": idleSession} {
		if n := w.end(); n.Code != "57P01" || n.Severity != "FATAL" {
			t.Errorf("%s: %+v", name, n)
		}
	}
	if a := running.answer(); strings.Join(a.tags, "") != "INSERT 0 1" {
		t.Errorf("running: %+v", a)
	}
	for name, w := range map[string]*wire{"open": open, "open session": openSession} {
		w.must("INSERT INTO done VALUES (4)")
		if a := w.query("COMMIT"); strings.Join(a.tags, "") != "COMMIT" {
			t.Errorf("%s: %+v", name, a)
		}
		if n := w.end(); n.Code != "57P01" {
			t.Errorf("%s: %+v", name, n)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if got := s.super(t, "SELECT count(*) FROM done"); got != "5" {
		t.Errorf("%s rows, want 5", got)
	}
	if conn, err := net.DialTimeout("tcp", idle.conn.RemoteAddr().String(), time.Second); err == nil {
		_ = conn.Close()
		t.Error("somebody still listens")
	}
}

// Who does not come to an end is ended, when the time for that is over.
func TestAStopDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	s := sized(3).start(t)
	open, running, waiting := s.wire(t, 1), s.wire(t, 0), s.dial(t, 0)
	open.must("BEGIN")
	running.send(pgwire.AppendQuery(nil, "SELECT pg_sleep(600)"))
	s.running(t, "pg_sleep", 1)
	waiting.send([]byte{0, 0}) // somebody who never finishes the log-in
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	began := time.Now()
	err := s.pooler.Stop(ctx)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("took %v (%v)", took, err)
	}
	open.gone()
	running.gone()
	waiting.gone()
	s.running(t, "pg_sleep", 0)
}

// E-17: a thousand clients, five servers: everybody gets their own answers, and all of them.
func TestAThousandClientsShareFiveServers(t *testing.T) {
	t.Parallel()
	s := sized(5).start(t)
	const clients, rounds = 1000, 5
	var all sync.WaitGroup
	var mu sync.Mutex
	wrong := 0
	for i := range clients {
		all.Go(func() {
			w := s.dial(t, 1)
			err := w.logIn(s, pgwire.Version30)
			for round := 0; round < rounds && err == nil; round++ {
				want := fmt.Sprintf("client %d round %d", i, round)
				if _, err = w.conn.Write(pgwire.AppendSync(asked("s"+fmt.Sprint(round), "SELECT $1::text", want))); err != nil {
					break
				}
				var a answer
				if a, err = w.next(); err == nil && strings.Join(a.rows, "") != want {
					err = fmt.Errorf("%+v, want %q", a, want)
				}
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				if wrong++; wrong < 5 {
					t.Errorf("client %d: %v", i, err)
				}
			}
			_ = w.conn.Close()
		})
	}
	all.Wait()
	if got := s.super(t, "SELECT count(*) <= 10 FROM pg_stat_activity WHERE usename = $1", s.role()); got != "true" {
		t.Error("more servers than the two pools may have")
	}
	eventually(t, "all are gone", func() bool { return s.pooler.Status().Clients == 0 })
}

// Poolers come and go without leaving anything: goroutines are counted at the end of the package, sockets here.
func TestStartingAndStoppingLeavesNothing(t *testing.T) {
	t.Parallel()
	for range 5 {
		s := sized(3).start(t)
		var all sync.WaitGroup
		for range 10 {
			w := s.dial(t, 1) // before the end begins; the log-in may meet it
			all.Go(func() {
				if w.logIn(s, pgwire.Version30) == nil {
					_, _ = w.conn.Write(pgwire.AppendQuery(nil, "SELECT pg_sleep(0.01)"))
					_, _ = w.next()
				}
			})
		}
		s.wire(t, 0).must("SELECT 1")
		s.stop(t, patience)
		s.stop(t, patience)
		all.Wait()
		eventually(t, "no server is left", func() bool {
			return s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", s.role()) == "0"
		})
	}
}
