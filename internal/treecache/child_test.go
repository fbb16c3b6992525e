package treecache_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// childEnv makes the test binary a process that uses a cache: it holds a job as JSON.
const childEnv = "HOLDFAST_TREECACHE_CHILD"

// job is what a child does.
type job struct {
	Dir       string // of the world
	Root      string // of the cache; below Dir when empty
	Seed      uint64
	Questions int
	Revisions int
	Workers   int
	Rounds    int // of each worker; 0: until killed
	Limits    treecache.Limits
	DieAt     int64 // number of the step on the disk at which it kills itself; 0: never
	Forget    bool  // removes a part now and then
}

// outcome is what a child that was not killed says at its end.
type outcome struct {
	Renders, Hot, Full int64
	Steps              int64
	Evicted            int64
}

// soak returns small, or large when HOLDFAST_SOAK is set, or its number.
func soak(small, large int) int {
	text := os.Getenv("HOLDFAST_SOAK")
	if n, err := strconv.Atoi(text); err == nil && n > 1 {
		return n
	}
	if text != "" {
		return large
	}
	return small
}

// noContext is for processes that no test waits in.
func noContext() context.Context { return context.Background() }

// runChild is the main function of a child.
func runChild(text string) int {
	var j job
	err := json.Unmarshal([]byte(text), &j)
	var o outcome
	if err == nil {
		o, err = j.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	_ = json.NewEncoder(os.Stdout).Encode(o)
	return 0
}

func (j *job) root() string {
	if j.Root != "" {
		return j.Root
	}
	return filepath.Join(j.Dir, "cache")
}

func (j *job) run() (o outcome, err error) {
	w, err := makeWorld(j.Dir, treepack.SHA1)
	if err != nil {
		return o, err
	}
	revisions := make([]*revision, j.Revisions)
	for i := range revisions {
		if revisions[i], err = w.course(j.Questions, i); err != nil {
			return o, err
		}
	}
	var steps atomic.Int64
	options := treecache.Options{Root: j.root(), Fetch: w.fetch, Limits: j.Limits, Grace: time.Millisecond, Patience: 10 * time.Second}
	options = treecache.WithSteps(options, func(string, string) error {
		if steps.Add(1) == j.DieAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	c, err := treecache.Open(options)
	if err != nil {
		return o, err
	}
	if err := c.Start(context.Background()); err != nil {
		return o, err
	}
	fmt.Println("ready")
	s := &storm{job: j, cache: c, revisions: revisions, world: w}
	err = s.run()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = errors.Join(err, c.Stop(ctx))
	return outcome{s.renders.Load(), s.hot.Load(), s.full.Load(), steps.Load(), c.Stats().EvictedObjects}, err
}

// storm is many goroutines that render while new revisions are published.
type storm struct {
	*job
	cache              *treecache.Cache
	world              *world
	revisions          []*revision
	current            atomic.Int64
	renders, hot, full atomic.Int64
}

func (s *storm) run() error {
	errs := make(chan error, s.Workers)
	var all sync.WaitGroup // waited for below
	for i := range s.Workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(s.Seed, uint64(i)))
			for n := 0; s.Rounds == 0 || n < s.Rounds; n++ {
				if err := s.round(r, n); err != nil {
					errs <- fmt.Errorf("worker %d, round %d: %w", i, n, err)
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	var joined error
	for err := range errs {
		joined = errors.Join(joined, err)
	}
	return joined
}

func (s *storm) round(r *rand.Rand, n int) error {
	if r.IntN(10) == 0 { // a publish
		next := s.current.Add(1) % int64(len(s.revisions))
		if err := s.cache.Current(s.revisions[next].view); err != nil {
			return err
		}
	}
	rev := s.revisions[s.current.Load()%int64(len(s.revisions))]
	if r.IntN(10) == 0 { // a job that is late
		rev = s.revisions[r.IntN(len(s.revisions))]
	}
	q := r.IntN(s.Questions)
	keys := []string{"elements", "serverFilesCourse", fmt.Sprintf("question:topic%d/q%d", q%3, q)}
	if s.Forget && r.IntN(200) == 0 {
		return s.cache.Forget(context.Background())
	}
	if r.IntN(3) == 0 {
		done, err := s.byLockFile(rev, keys)
		if done || err != nil {
			s.hot.Add(1)
			return err
		}
	}
	return s.render(r, rev, keys)
}

// render ensures, reads all files with the lease held, and releases.
func (s *storm) render(r *rand.Rand, rev *revision, keys []string) error {
	chunks := rev.pick(keys...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, l, err := s.cache.Ensure(ctx, rev.view, chunks)
	if fault.CodeOf(err) == treecache.ErrFull.Code {
		s.full.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Release()
	s.renders.Add(1)
	for range 1 + r.IntN(2) {
		for _, ch := range chunks {
			if err := rev.compare(res.Dir, ch); err != nil {
				return err
			}
		}
	}
	return nil
}

// byLockFile does what an application in another language does: docs/formats.md, "the local cache".
func (s *storm) byLockFile(rev *revision, keys []string) (done bool, err error) {
	dir := filepath.Join(s.root(), "views", rev.view.Source, rev.view.Commit.String())
	f, err := os.Open(filepath.Join(dir, ".lease"))
	if err != nil {
		return false, nil
	}
	defer f.Close()
	for unix.Flock(int(f.Fd()), unix.LOCK_SH) == unix.EINTR {
	}
	var mine, there unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &mine); err != nil {
		return false, err
	}
	if unix.Stat(filepath.Join(dir, ".lease"), &there) != nil || there.Ino != mine.Ino {
		return false, nil
	}
	for _, key := range keys {
		if unix.Stat(filepath.Join(dir, ".holdfast", treecache.MarkerName(key)), &there) != nil {
			return false, nil
		}
	}
	for _, ch := range rev.pick(keys...) {
		if err := rev.compare(dir, ch); err != nil {
			return true, err
		}
	}
	return true, nil
}

// child is a process that was started.
type child struct {
	cmd    *exec.Cmd
	out    *bufio.Scanner
	stderr *strings.Builder
}

func startChild(tb testing.TB, j job) *child {
	tb.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		tb.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	c := &child{cmd: exec.Command(exe), stderr: &strings.Builder{}}
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(text), "GOMAXPROCS=2")
	c.cmd.Stderr = c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// wait returns what the child said at its end.
func (c *child) wait() (o outcome, killed bool, err error) {
	last := ""
	for c.out.Scan() {
		last = c.out.Text()
	}
	err = c.cmd.Wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return o, true, nil
	}
	if err != nil {
		return o, false, fmt.Errorf("%w: %s", err, c.stderr)
	}
	return o, false, json.Unmarshal([]byte(last), &o)
}
