package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/handover"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// migrationLock is the advisory lock that a process takes while it brings tables up to date, as each one does when it starts, long after
// it has the lock on the state directory.
const migrationLock = 0x686f6c6466617374

// holdUp makes processes that start stay half-started until release is called. stuck waits for such a process.
func holdUp(t *testing.T, db *pgtest.DB) (stuck, release func()) {
	t.Helper()
	c := db.Conn(t)
	do := func(f string) {
		if _, err := c.Exec(t.Context(), fmt.Sprintf("SELECT pg_advisory_%s(%d)", f, migrationLock)); err != nil {
			t.Fatal(err)
		}
	}
	do("lock")
	stuck = func() {
		lifecycletest.Eventually(t, program.StartLimit, func() error {
			var n int
			err := c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()").Scan(&n)
			if err == nil && n == 0 {
				err = errors.New("nobody waits for the lock")
			}
			return err
		})
	}
	return stuck, func() { do("unlock") }
}

// like is a site of the same directory with another setting.
func (s *site) like(key, value string) *site {
	other := &site{&program.Site{T: s.T, Dir: s.Dir, Settings: maps.Clone(s.Settings), Extra: s.Extra}}
	return other.set(key, value)
}

// Issue 3: a successor that finds a mistake, or is killed before it commits, leaves the process as it was.
func TestASuccessorThatFailsBeforeItCommitsChangesNothing(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	n := s.serve()
	ways := n.ways(db)
	g := welcome(t, ways)
	stop := newcomers(t, ways, n.edge)
	for key, value := range map[string]string{"edge.listen": "nonsense", "database.port": "1"} {
		if r := s.like(key, value).Run("serve", "--takeover"); r.Code == 0 {
			t.Errorf("%s = %s: it took over", key, value)
		}
	}
	killedWhileItAsks(t, s)
	for range 3 { // one that is killed before it commits is seen as the end of its connection
		offer, err := handover.Ask(t.Context(), s.Path("data/handover.sock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := offer.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	g.cancelOne()
	g.farewell(ways[0])
	n.Signal(15)
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("the process ends with %d", code)
	}
}

// killedWhileItAsks kills a successor that waits for its database, which it asks before it commits.
func killedWhileItAsks(t *testing.T, s *site) {
	t.Helper()
	silent, err := net.Listen("unix", filepath.Join(program.ShortDir(t), ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	p := s.like("database.host", filepath.Dir(silent.Addr().String())).set("database.port", "5432").takeOver()
	c, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.Kill()
}

// Issue 3: a successor that is killed, or fails, after the process before it has let go makes that one take everything back; clients who were
// there keep what they have, and nobody is refused. After that it can be taken over from as before.
func TestASuccessorThatFailsAfterItHasCommittedIsSucceededByThePredecessor(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	first := s.serve()
	ways := first.ways(db)
	g := welcome(t, ways)
	stop := newcomers(t, ways, first.edge)

	_, release := holdUp(t, db)
	killed := s.takeOver()
	killed.Line("hands its listeners over", program.StartLimit)
	killed.Kill() // it waits for the lock on the state, or has just got it
	first.Line("this process starts again", program.StartLimit)
	release()
	back(t, first, 2)

	stuck, release := holdUp(t, db)
	killed = s.takeOver()
	stuck() // it has the lock on the state
	killed.Kill()
	release()
	back(t, first, 3)

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	failing := s.like("s3.listen", busy.Addr().String()).takeOver() // which it finds out last
	if code := failing.Wait(program.StartLimit); code == 0 {
		t.Error("a process serves at an address that is not its own")
	}
	back(t, first, 4)

	last := s.takeOver()
	last.ready()
	if last.postgres != first.postgres || last.edge != first.edge {
		t.Errorf("it listens elsewhere: %v, and first %v", last, first)
	}
	g.cancelOne()
	g.farewell(ways[1])
	asked := g.asked + stop()
	if code := first.Wait(stopLimit); code != 0 {
		t.Errorf("the first process ends with %d", code)
	}
	last.Signal(15)
	if code := last.Wait(stopLimit); code != 0 {
		t.Errorf("the last process ends with %d", code)
	}
	if n := recorded(t, s, "SELECT"); n != asked {
		t.Errorf("%d of %d statements are in the record", n, asked)
	}
	if left, _ := filepath.Glob(s.Path("data/draining-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// back waits until a process has started for the nth time.
func back(t *testing.T, n *node, times int) {
	t.Helper()
	lifecycletest.Eventually(t, program.StartLimit, func() error {
		select {
		case <-n.Exited:
			t.Fatal("the process has ended")
		default:
		}
		if got := strings.Count(n.Err.String(), `"msg":"ready"`); got < times {
			return fmt.Errorf("it was ready %d times of %d", got, times)
		}
		return nil
	})
}

// A process with a PostgreSQL of its own says why nobody can take over from it, and goes on; nobody is taken over from where nobody runs.
func TestAPrivatePostgreSQLIsNotTakenOver(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	n := s.serve()
	if r := s.Run("serve", "--takeover"); r.Code == 0 || !strings.Contains(r.Stderr, "private PostgreSQL") || !strings.Contains(r.Stderr, "hint: restart it") {
		t.Errorf("it ends with %d and says:\n%s", r.Code, r.Stderr)
	}
	s.Must("status")
	n.Signal(15)
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("the process ends with %d", code)
	}
}

func TestNobodyRunsToTakeOverFrom(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.Database(t))
	if r := s.Run("serve", "--takeover"); r.Code == 0 || !strings.Contains(r.Stderr, "start it without --takeover") {
		t.Errorf("it ends with %d and says:\n%s", r.Code, r.Stderr)
	}
}

// Whoever stops Holdfast means the processes, too, that were taken over from; one of them that was killed leaves nothing that matters.
func TestAStopEndsThoseWhoLinger(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	nodes := []*node{s.serve()}
	way := nodes[0].ways(db)[0]
	for range 3 {
		c, err := pgx.Connect(t.Context(), way)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background()) //nolint:errcheck // it is cut
		n := s.takeOver()
		n.ready()
		nodes = append(nodes, n)
	}
	nodes[1].Kill()
	if text := s.Must("status"); !strings.Contains(text, fmt.Sprintf("process %d: 1 client", nodes[0].PID)) || strings.Contains(text, fmt.Sprintf("process %d:", nodes[1].PID)) {
		t.Errorf("the status tells of others:\n%s", text)
	}
	s.Must("stop")
	for _, n := range []*node{nodes[0], nodes[2], nodes[3]} {
		if code := n.Wait(stopLimit); code != 0 {
			t.Errorf("process %d ends with %d", n.PID, code)
		}
	}
	if left, _ := filepath.Glob(s.Path("data/draining-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	again := s.serve()
	if err := askOnce(t.Context(), again.ways(db)[0]); err != nil {
		t.Error(err)
	}
}

// takeover_linger: clients have so long, and are told to leave then.
func TestClientsLeaveAtLastWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	s.set("database.takeover_linger", "1s")
	first := s.serve()
	c, err := pgx.Connect(t.Context(), first.ways(db)[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background()) //nolint:errcheck // it is cut
	s.takeOver().ready()
	if code := first.Wait(stopLimit); code != 0 {
		t.Errorf("the process ends with %d", code)
	}
	if _, err := c.Exec(t.Context(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "57P01") {
		t.Errorf("the client is told %v", err)
	}
}
