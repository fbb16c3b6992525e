package disk_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
)

// The test binary is also the writer that the crash tests kill.
const (
	crashRoot     = "HOLDFAST_CRASH_ROOT"
	crashDegraded = "HOLDFAST_CRASH_DEGRADED"
)

func TestMain(m *testing.M) {
	if root := os.Getenv(crashRoot); root != "" {
		if err := crashWriter(root, os.Getenv(crashDegraded) != ""); err != nil {
			fmt.Fprintln(os.Stdout, "error", err)
		}
		return
	}
	if os.Getenv(guardOnly) != "" {
		keepGuard()
		return
	}
	if err := startGuard(); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("holdfast/internal/blob/disk_test.guardThread"))
}

// crashWriter works on the store from four goroutines until it is killed. Each line of its output is one write, so it
// was said whole or not at all.
func crashWriter(root string, degraded bool) error {
	s, err := disk.OpenTuned(root, func(t *disk.Tuning) {
		if !degraded {
			disk.SmallJournal(t)
		}
	})
	if err != nil {
		return err
	}
	if degraded {
		s.Degrade()
	}
	say := func(e event, name blob.Name) bool {
		_, err := fmt.Fprintf(os.Stdout, "%s %s\n", e, name)
		return err == nil
	}
	say("ready", "")
	failed := make(chan error)
	for range 4 {
		go func() {
			r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
			failed <- work(context.Background(), s, r, say)
		}()
	}
	return <-failed
}

// kills is how many writers are killed in all.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SOAK")); err == nil && n > 1 {
		return n
	}
	if soaking() {
		return 4000
	}
	return 150
}

// S0-30, S0-33: whatever was acknowledged before a SIGKILL is there afterwards, whole; what was not is whole or absent.
func TestBlobsSurviveKilledWriters(t *testing.T) {
	t.Parallel()
	for _, degraded := range []string{"", "1"} {
		t.Run("degraded="+degraded, func(t *testing.T) {
			t.Parallel()
			roots := newRoots(t.TempDir())
			acknowledged := 0
			for range kills() / 2 {
				l, root := newLedger(), roots.lend(t)
				killedWriter(t, root, degraded, l, life{lines: rand.IntN(30), then: rand.N(3 * time.Millisecond)})
				s, err := disk.Open(disk.Options{Root: root})
				if err != nil {
					t.Fatal(err)
				}
				acknowledged += len(l.last) - l.count(putting)
				if err := l.check(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				if err := l.finish(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				roots.giveBack(t, root)
			}
			t.Logf("%d writers killed, %d blobs acknowledged", kills()/2, acknowledged)
			if acknowledged < kills()/2 {
				t.Errorf("only %d blobs were acknowledged: the writers die too early to prove anything", acknowledged)
			}
		})
	}
}

// life is what a writer has before it is killed. It is told in lines, not in time alone: a slow machine does as much in
// a life as a fast one.
type life struct {
	lines int           // what it says after it is ready
	then  time.Duration // and how long it goes on
}

// killedWriter runs a writer, kills it at the end of its life, and notes what it said.
func killedWriter(t *testing.T, root, degraded string, l *ledger, life life) {
	t.Helper()
	cmd, out := startWriter(t, root, degraded)
	lines := bufio.NewScanner(out)
	for said := 0; lines.Scan(); said++ {
		if said == life.lines {
			time.AfterFunc(life.then, func() { _ = cmd.Process.Kill() })
		}
		what, name, _ := strings.Cut(lines.Text(), " ")
		switch {
		case what == "ready":
		case strings.HasSuffix(what, "?") || strings.HasSuffix(what, "!"):
			l.note(event(what), blob.Name(name))
		default:
			t.Errorf("the writer says %q", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
}

func startWriter(t *testing.T, root, degraded string) (*exec.Cmd, io.Reader) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), crashRoot+"="+root, crashDegraded+"="+degraded)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// A process killed while it makes the store leaves something that the next one finishes.
func TestAStoreSurvivesKillsWhileItIsMade(t *testing.T) {
	t.Parallel()
	for i := range 15 {
		root := memoryDir(t)
		cmd, out := startWriter(t, root, "")
		timer := time.AfterFunc(time.Duration(i)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		timer.Stop()
		s := open(t, root)
		if err := s.Check(t.Context()); err != nil {
			t.Errorf("after a kill at %d ms: %v", i, err)
		}
		put(t, s, "blobs/ff/after", []byte("x"), nil)
	}
}
