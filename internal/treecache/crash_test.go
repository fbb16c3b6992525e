package treecache_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// tight holds the chunks of a few renders of the course of eight questions, so that every render evicts.
var tight = treecache.Limits{Bytes: 1 << 20, Inodes: 420}

// inspect checks all that views show, without help of the cache, as an application would find it after a crash. It has no lease: a cache that
// runs may take a chunk away meanwhile, marker first, so only what its marker outlives is wrong.
func inspect(root string, revisions []*revision) error {
	for _, r := range revisions {
		dir := filepath.Join(root, "views", r.view.Source, r.view.Commit.String())
		for _, ch := range r.chunks {
			shown := func() bool {
				_, err := os.Lstat(filepath.Join(dir, ".holdfast", treecache.MarkerName(ch.Key)))
				return err == nil
			}
			if !shown() {
				continue
			}
			err := r.compare(dir, ch)
			if err != nil && shown() { // there all the time, or shown again
				err = r.compare(dir, ch)
			}
			if err != nil && shown() {
				return fmt.Errorf("%s is told to be complete: %w", ch.Key, err)
			}
		}
	}
	return nil
}

// wantWhole starts a cache over what a crash left, and checks that nothing unverified has a name, that it works without anybody's help, and
// that the books are right again.
func wantWhole(t *testing.T, o treecache.Options, revisions []*revision) {
	t.Helper()
	c, err := treecache.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, c)
	if v, err := c.Verify(t.Context(), 0); err != nil || len(v.Corrupt) > 0 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	r := revisions[rand.IntN(len(revisions))]
	_, l := ensure(t, c, r, r.pick("elements", "serverFilesCourse", "question:topic1/q1"))
	l.Release()
	treecache.Maintain(c)
	wantExact(t, c)
	if f := c.Stats().Finding; f != "" {
		t.Errorf("finding %q", f)
	}
	for _, dir := range []string{"tmp", "trash"} {
		left, _ := filepath.Glob(filepath.Join(o.Root, dir, "*", "*"))
		if len(left) > 0 {
			t.Errorf("left in %s: %q", dir, left)
		}
	}
}

// A process that dies at any single step on the disk leaves nothing half visible and nothing that needs a person.
func TestAProcessMayDieAtEveryStep(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	w := newWorld(t, dir, treepack.SHA1)
	j := job{Dir: dir, Questions: 8, Revisions: 5, Workers: 1, Rounds: 12, Limits: tight}
	var revisions []*revision
	for i := range j.Revisions {
		revisions = append(revisions, w.mustCourse(t, j.Questions, i))
	}
	whole, _, err := startChild(t, j).wait()
	if err != nil {
		t.Fatal(err)
	}
	stride := max(1, whole.Steps/int64(soak(32, 5000)))
	killed := 0
	o := treecache.Options{Root: filepath.Join(dir, "cache"), Fetch: w.fetch, Limits: tight}
	for n := 1 + rand.Int64N(stride); n <= whole.Steps && !t.Failed(); n += stride {
		if err := os.RemoveAll(o.Root); err != nil {
			t.Fatal(err)
		}
		j.DieAt, j.Seed = n, uint64(n)
		_, died, err := startChild(t, j).wait()
		if err != nil {
			t.Fatal(err)
		}
		if died {
			killed++
		}
		if err := inspect(o.Root, revisions); err != nil {
			t.Errorf("after step %d: %v", n, err)
		}
		if bytes, inodes := onDisk(o.Root); bytes > tight.Bytes || inodes > tight.Inodes {
			t.Errorf("after step %d: %d bytes and %d inodes on the disk", n, bytes, inodes)
		}
		wantWhole(t, o, revisions)
	}
	t.Logf("%d steps, %d processes died", whole.Steps, killed)
	if killed < 15 {
		t.Errorf("only %d processes died", killed)
	}
}

// Processes that are killed at random moments harm neither those that go on nor those that come after.
func TestProcessesAreKilledWhileOthersGoOn(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	w := newWorld(t, dir, treepack.SHA1)
	limits := treecache.Limits{Bytes: 2 << 20, Inodes: 800}
	j := job{Dir: dir, Questions: 8, Revisions: 5, Workers: 3, Limits: limits}
	var revisions []*revision
	for i := range j.Revisions {
		revisions = append(revisions, w.mustCourse(t, j.Questions, i))
	}
	disk := mount(t, "tmpfs", "size=64m")
	watch := watchDisk(t, disk, limits)
	j.Root = filepath.Join(disk, "cache")
	o := treecache.Options{Root: j.Root, Fetch: w.fetch, Limits: limits, Patience: 10 * time.Second}
	steady := start(t, o)
	kills, renders := soak(25, 3000), 0
	for n := range kills {
		j.Seed = uint64(n)
		c := startChild(t, j)
		if !c.out.Scan() || c.out.Text() != "ready" {
			_, _, err := c.wait()
			t.Fatalf("a process did not start: %v", err)
		}
		life := time.After(time.Duration(rand.IntN(25_000)) * time.Microsecond)
		for over := false; !over; {
			select {
			case <-life:
				over = true
			default:
				r := revisions[rand.IntN(len(revisions))]
				_, l := ensure(t, steady, r, r.pick("elements", "question:topic1/q1"))
				l.Release()
				renders++
			}
		}
		_ = c.cmd.Process.Kill()
		if _, killed, err := c.wait(); !killed || err != nil {
			t.Fatalf("round %d: %v: %s", n, err, c.stderr)
		}
		if err := inspect(o.Root, revisions); err != nil && !strings.Contains(err.Error(), "no such file") { // evicted while we look: no lease
			t.Fatal(err)
		}
	}
	watch.stop(t)
	lifecycletest.Eventually(t, 10*time.Second, func() error { // the dead are noticed
		treecache.Maintain(steady)
		if s := steady.Stats(); s.Processes != 1 || s.ReservedBytes != 0 {
			return fmt.Errorf("stats %+v", s)
		}
		return nil
	})
	wantExact(t, steady)
	stop(t, steady)
	wantWhole(t, o, revisions)
	t.Logf("%d killed, %d renders beside them", kills, renders)
}

// Within one process, too: a cache that ends without saying so is found dead.
func TestTheReservationOfADeadProcessIsGivenBack(t *testing.T) {
	t.Parallel()
	stuck := errors.New("stuck")
	hold, inside := make(chan struct{}), make(chan struct{}, 1)
	s := newSite(t)
	o := treecache.WithSteps(s.o, func(op, path string) error {
		if op == "write" && strings.Contains(path, "/tmp/") {
			inside <- struct{}{}
			<-hold
			return stuck
		}
		return nil
	})
	dead, err := treecache.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := s.world.mustCourse(t, 1, 0)
	ended := make(chan error, 1)
	go func() { // waited for below
		_, _, err := dead.Ensure(t.Context(), r.view, r.pick("elements"))
		ended <- err
	}()
	<-inside
	if st := s.cache.Stats(); st.ReservedBytes == 0 || st.Processes != 2 {
		t.Errorf("in flight: %+v", st)
	}
	treecache.Abandon(dead)
	for range 2 {
		treecache.Maintain(s.cache)
	}
	close(hold)
	if err := <-ended; err == nil {
		t.Error("a dead process ensured")
	}
	stop(t, dead)
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		treecache.Maintain(s.cache)
		if st := s.cache.Stats(); st.ReservedBytes != 0 || st.Processes != 1 {
			return fmt.Errorf("stats %+v", st)
		}
		return nil
	})
	wantExact(t, s.cache)
}
