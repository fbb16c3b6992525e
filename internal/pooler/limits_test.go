package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// full makes a site with two servers, both held, where others wait for so long.
func full(t *testing.T, endpoint int, timeout time.Duration, maxWaiting int) (s *site, holders [2]*wire) {
	t.Helper()
	s = setup{change: func(_ *pooler.Config, pg *postgres.Config) {
		o := &pg.Options.Pool
		o.MinSize, o.MaxSize, o.MaxWaiting, o.Timeout = 1, 2, maxWaiting, unit.Duration(timeout)
	}}.start(t)
	for i := range holders {
		holders[i] = s.wire(t, endpoint)
		holders[i].must("BEGIN")
	}
	return s, holders
}

// S0-26: when the pool is exhausted a client waits for as long as the setting says and then gets PostgreSQL's code for it, with
// the numbers of the pool, and goes on with the same connection. Trap 2: one ReadyForQuery, at Sync.
func TestTrap02AnExhaustedPoolIsAnErrorInTimeAndTheConnectionGoesOn(t *testing.T) {
	t.Parallel()
	const timeout = 700 * time.Millisecond
	for endpoint := range 2 {
		s, holders := full(t, endpoint, timeout, 0)
		w := s.wire(t, endpoint)
		extended := pgwire.AppendSync(append(asked("", "SELECT 1"), asked("", "SELECT 2")...))
		for name, request := range map[string]struct {
			bytes []byte
			want  string
		}{
			"simple":   {pgwire.AppendQuery(nil, "SELECT 1; SELECT 2"), "EZ"},
			"extended": {extended, "EZ"},
			"sync":     {pgwire.AppendSync(nil), "EZ"},
		} {
			began := time.Now()
			w.send(request.bytes)
			a := w.answer()
			took := time.Since(began)
			if a.types != request.want || a.code() != "53300" || a.status != 'I' {
				if name == "sync" && a.types == "Z" {
					continue // nothing was asked that needs a server
				}
				t.Fatalf("endpoint %d, %s: %+v", endpoint, name, a)
			}
			if took < timeout-20*time.Millisecond || took > timeout+2*time.Second {
				t.Errorf("endpoint %d, %s: after %v, want %v", endpoint, name, took, timeout)
			}
			detail := a.errors[0].Detail + a.errors[0].Message
			for _, word := range []string{s.db.Name, "2 of 2", "other request waits", "waited"} {
				if !strings.Contains(strings.ToLower(detail), strings.ToLower(word)) {
					t.Errorf("endpoint %d, %s: no %q in %q", endpoint, name, word, detail)
				}
			}
		}
		holders[0].must("COMMIT")
		if endpoint == 0 {
			_ = holders[0].conn.Close()
		}
		if got := w.must("SELECT 'still here'"); got != "still here" {
			t.Error(got)
		}
		if a := w.ask("", "SELECT 'and here'"); len(a.rows) != 1 {
			t.Error(a)
		}
	}
}

// A pgx client meets the same: an ordinary error with a code, after which the connection is good.
func TestAPgxClientSurvivesAnExhaustedPool(t *testing.T) {
	t.Parallel()
	s, holders := full(t, 1, 300*time.Millisecond, 0)
	conn := s.connect(t, 1)
	var n int
	err := conn.QueryRow(t.Context(), "SELECT $1::int", 1).Scan(&n)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "53300" || conn.IsClosed() {
		t.Fatalf("%v, closed %v", err, conn.IsClosed())
	}
	holders[1].must("COMMIT")
	if err := conn.QueryRow(t.Context(), "SELECT $1::int", 7).Scan(&n); err != nil || n != 7 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestMoreThanMaxWaitingIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s, holders := full(t, 1, 20*time.Second, 2)
	var queue []*wire
	for i := range 2 {
		w := s.wire(t, 1)
		w.send(pgwire.AppendQuery(nil, fmt.Sprintf("SELECT 'waited %d'", i)))
		queue = append(queue, w)
	}
	s.waiting(t, 2)
	began := time.Now()
	w := s.wire(t, 1)
	if a := w.query("SELECT 1"); a.code() != "53300" || time.Since(began) > 5*time.Second {
		t.Errorf("%+v after %v", a, time.Since(began))
	}
	holders[0].must("COMMIT")
	for i, q := range queue {
		if a := q.answer(); strings.Join(a.rows, "") != fmt.Sprintf("waited %d", i) {
			t.Error(a)
		}
	}
}

func TestMoreThanMaxClientsAreRefusedAndPlacesComeFree(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) { c.MaxClients = 3 }}.start(t)
	clients := []*wire{s.wire(t, 0), s.wire(t, 1), s.wire(t, 1)}
	var refused *refusedError
	if err := s.dial(t, 0).logIn(s, pgwire.Version30); !errors.As(err, &refused) || refused.Code != "53300" || refused.Severity != "FATAL" {
		t.Errorf("%v; want FATAL 53300", err)
	}
	_ = clients[1].conn.Close()
	eventually(t, "a place is free", func() bool {
		w := s.dial(t, 0)
		err := w.logIn(s, pgwire.Version30)
		_ = w.conn.Close()
		return err == nil
	})
	for range 20 { // wrong passwords take no place for longer than they last
		w := s.dial(t, 0)
		if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, s.startup()), "wrong"); err == nil {
			t.Fatal("a wrong password was right")
		}
	}
	eventually(t, "a place is free", func() bool { return s.dial(t, 0).logIn(s, pgwire.Version30) == nil })
}

// byName makes each user name a person, all of them on one role of the server.
type byName struct{ role string }

func (a byName) Decide(ctx context.Context, at pgauth.Attempt) (*pgauth.Decision, error) {
	d, err := trusting(a).Decide(ctx, at)
	d.Person, d.Class = at.User, "people"
	return d, err
}

// S2-34: one person takes all that one may have; the next one still gets in.
func TestOnePersonLeavesRoomForTheNext(t *testing.T) {
	t.Parallel()
	u := setup{auth: byName{"postgres"}, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Limits = map[string]pooler.Limit{"people": {MaxPerPerson: 2}}
		pg.Options.Pool.MaxSize, pg.Options.Pool.Timeout = 4, unit.Duration(400*time.Millisecond)
	}}
	s := u.start(t)
	as := func(name string) *wire {
		w := s.dial(t, 0)
		start := []pgwire.Param{{Name: "user", Value: name}, {Name: "database", Value: s.db.Name}}
		if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), ""); err != nil {
			t.Fatal(err)
		}
		return w
	}
	for range 2 {
		as("greedy").must("BEGIN")
	}
	if a := as("greedy").query("SELECT 1"); a.code() != "53300" || !strings.Contains(a.errors[0].Message+a.errors[0].Detail, "greedy") {
		t.Errorf("%+v; want 53300 that names the person", a)
	}
	as("modest").must("SELECT 1")
}
