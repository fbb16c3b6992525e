package objects_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/blob/disk"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/objects"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
)

// The variable that makes the test binary a writer which is killed: "<connection string> <root of the store>".
const writerVariable = "HOLDFAST_TEST_OBJECTS_WRITER"

// writer writes, replaces and deletes until it is killed. It says what it is about to do and what was acknowledged.
func writer(where string) error {
	database, root, _ := strings.Cut(where, " ")
	ctx := context.Background()
	db, err := postgres.Connect(ctx, postgrestest.Config(database))
	if err != nil {
		return err
	}
	blobs, err := disk.Open(disk.Options{Root: root})
	if err != nil {
		return err
	}
	sole := postgres.NewSole(db, slog.New(slog.DiscardHandler))
	if err := sole.Start(ctx); err != nil {
		return err
	}
	x := objects.New(objects.Options{DB: db, Blobs: blobs, Sole: sole})
	if err := x.Start(ctx); err != nil {
		return err
	}
	var out sync.Mutex
	say := func(line string) {
		out.Lock()
		defer out.Unlock()
		_, _ = os.Stdout.WriteString(line + "\n")
	}
	crowd(8, func(i int) {
		for n := 0; ; n++ {
			k := fmt.Sprintf("w%d/%d", i, rand.IntN(5))
			if rand.IntN(4) == 0 {
				say(fmt.Sprintf("try %d %s 0", i, k))
				_, err = x.Delete(ctx, []objects.Ref{ref(k)}, objects.Condition{})
			} else {
				size := 1 + rand.IntN(64<<10)
				say(fmt.Sprintf("try %d %s %d", i, k, size))
				_, err = x.Put(ctx, objects.Put{Bucket: "bucket", Key: k, Size: int64(size), Body: strings.NewReader(pattern(k, size))})
			}
			if err != nil {
				say("failed " + err.Error())
				return
			}
			say(fmt.Sprintf("ack %d", i))
		}
	})
	return nil
}

// pattern is the text of a size that is written under a key.
func pattern(k string, size int) string {
	unit := fmt.Sprintf("%s of %d;", k, size)
	return strings.Repeat(unit, size/len(unit)+1)[:size]
}

// attempt is what a writer was about to do.
type attempt struct {
	key  string
	size int // 0: delete
}

// killedWriter runs a writer and kills it soon after its first acknowledgement. known has what each key holds, and is
// brought up to date with what was acknowledged; what was being tried is returned.
func killedWriter(t *testing.T, where string, known map[string]int) (tried map[string]attempt) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerVariable+"="+where)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tried = map[string]attempt{}
	acks := 0
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		var a attempt
		var who string
		switch f := strings.Fields(line); f[0] {
		case "try":
			who, a.key = f[1], f[2]
			_, _ = fmt.Sscan(f[3], &a.size)
			tried[who] = a
		case "ack":
			a = tried[f[1]]
			known[a.key] = a.size
			delete(tried, f[1])
			if acks++; acks == 1 {
				kill := time.AfterFunc(time.Duration(rand.IntN(400))*time.Millisecond, func() { _ = cmd.Process.Kill() })
				defer kill.Stop()
			}
		default:
			t.Error(line)
		}
	}
	_ = cmd.Wait() // killed
	if acks == 0 {
		t.Fatalf("the writer acknowledged nothing: %s", stderr.String())
	}
	return tried
}

// A writer is killed with SIGKILL again and again: every object it acknowledged is whole, what was under way is either
// done or not, and no row names a blob that is not there.
func TestAKilledWriterLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := t.TempDir() + "/media"
	store, err := disk.Open(disk.Options{Root: root, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	w.blobs = store
	x := w.start()
	if err := x.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	w.pg.Exec(t, "CREATE ROLE "+writerRole+" SUPERUSER LOGIN")
	known := map[string]int{}
	for range soak(5, 500) {
		tried := killedWriter(t, asWriter(t, w)+" "+root, known)
		awaitNoWriters(t, w)
		possible := map[string]int{}
		for _, a := range tried {
			possible[a.key] = a.size
			known[a.key] += 0 // a key that was never acknowledged holds nothing
		}
		for k, size := range known {
			known[k] = checkState(t, x, k, size, possible)
		}
	}
	if n := rowsHaveBlobs(t, w); n == 0 {
		t.Error("no rows")
	}
	eventually(t, "dead blobs moved", func() bool { return states(t, w)["dying"] == 0 })
}

// writerRole is the role that writers log in with, so that their sessions can be told from others.
const writerRole = "writer"

// asWriter returns the connection string for that role.
func asWriter(t *testing.T, w *world) string {
	t.Helper()
	u, err := url.Parse(w.pg.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(writerRole)
	return u.String()
}

// awaitNoWriters waits until PostgreSQL has ended the sessions of the dead writer. Until then what it sent last may still
// be read from the socket and executed.
func awaitNoWriters(t *testing.T, w *world) {
	t.Helper()
	conn := w.pg.Conn(t)
	defer func() { _ = conn.Close(context.Background()) }()
	lifecycletest.Eventually(t, time.Minute, func() error {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1",
			writerRole).Scan(&n)
		if err == nil && n > 0 {
			err = fmt.Errorf("%d sessions of the dead writer", n)
		}
		return err
	})
}

// checkState fails unless the key holds the whole text of the size (0: nothing), or what was being tried.
func checkState(t *testing.T, x *objects.Index, k string, size int, tried map[string]int) (now int) {
	t.Helper()
	o, err := x.Head(t.Context(), ref(k))
	if err != nil && !errors.Is(err, objects.ErrNoSuchKey) {
		t.Fatal(err)
	}
	if err == nil {
		now = int(o.Size)
		if contents(t, x, o) != pattern(k, now) {
			t.Errorf("%s is damaged", k)
		}
	}
	if other, ok := tried[k]; now != size && (!ok || now != other) {
		t.Errorf("%s has %d bytes, want %d (or what was tried: %v, %v)", k, now, size, other, ok)
	}
	return now
}
