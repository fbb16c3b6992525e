package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

func startSole(t *testing.T, s *Sole) *Sole {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func eventuallyAlone(t *testing.T, s *Sole) uint64 {
	t.Helper()
	var turn uint64
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if turn = s.Turn(); turn == 0 {
			return errNotAlone
		}
		return nil
	})
	return turn
}

type textError string

func (e textError) Error() string { return string(e) }

const (
	errNotAlone   = textError("not alone")
	errStillAlone = textError("still alone")
)

func TestTheOnlyProcessIsAloneUntilAnotherComes(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	db := connect(t, settings(d))
	first := startSole(t, NewSole(db, logger(t)))
	turn := eventuallyAlone(t, first)
	second := NewSole(connect(t, settings(d)), logger(t))
	startSole(t, second)
	if first.Turn() != 0 || second.Turn() != 0 {
		t.Fatalf("two processes, turns %d and %d", first.Turn(), second.Turn())
	}
	if err := second.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := eventuallyAlone(t, first); again == turn {
		t.Errorf("alone again in the same turn %d: what it remembers may be stale", turn)
	}
}

func TestWhoLosesItsConnectionStopsBelieving(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	db := connect(t, settings(d))
	s := startSole(t, NewSole(db, logger(t)))
	turn := eventuallyAlone(t, s)
	d.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		if s.Turn() == turn {
			return errStillAlone
		}
		return nil
	})
	if again := eventuallyAlone(t, s); again == turn {
		t.Errorf("alone again in the same turn %d", turn)
	}
}

// A process that was alone and vanished may go on believing for soleTrust: the next one waits longer than that, unless
// it sees that the other is dead.
func TestANewcomerWaitsForOneThatVanished(t *testing.T) {
	t.Parallel()
	if soleGrace < soleTrust+2*soleTrust/3 {
		t.Errorf("grace %v leaves no room for clocks above trust %v", soleGrace, soleTrust)
	}
	d := pgtest.Database(t)
	db := connect(t, settings(d))
	s := NewSole(db, logger(t))
	s.grace = 700 * time.Millisecond
	if err := s.Start(t.Context()); err != nil { // makes the table
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := func(holder string) time.Duration {
		d.Exec(t, "UPDATE holdfast.sole SET holder = '"+holder+"'")
		began := time.Now()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return took
	}
	if took := begin("another-machine pid:[1] 1 1 x"); took < s.grace {
		t.Errorf("waited %v for a process that cannot be seen, want %v", took, s.grace)
	}
	name := strings.Fields(s.name)
	name[2], name[3] = "4194303", "1" // the largest pid there can be, which nobody has here
	s.grace = time.Minute             // nobody is that slow
	if took := begin(strings.Join(name, " ")); took >= s.grace {
		t.Errorf("waited %v for a process that is seen to be dead", took)
	}
	s.grace = 700 * time.Millisecond
	if took := begin(newProcessName()); took < s.grace {
		t.Errorf("waited %v for a living process (this one, by another name), want %v", took, s.grace)
	}
}

func TestAStoppedProcessIsNamedWhenItDoesNotGiveWay(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	db := connect(t, settings(d))
	s := startSole(t, NewSole(db, logger(t)))
	eventuallyAlone(t, s)
	// Somebody else holds the lock and never looks: what a stopped process does.
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	lent, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := lent.Hijack()
	defer hangUp(conn)
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock($1)", s.key); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	wantFault(t, s.Start(ctx), "process_hung")
}

func TestASoleKeepsTheContractOfServices(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	lifecycletest.Stress(t, func() lifecycle.Service { return NewSole(db, logger(t)) })
}
