package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/health"
)

const (
	childVariable = "HOLDFAST_TEST_AUDIT_FILE"
	soakVariable  = "HOLDFAST_SOAK"
)

// child is the process that is killed: it records as fast as it can, and after each hundred records waits until they are
// on disk and tells how many there are.
func child() {
	c := audit.DefaultConfig()
	c.File, c.MaxSize = os.Getenv(childVariable), 256<<10
	w := audit.New(c, slog.New(slog.DiscardHandler), health.New())
	if err := w.Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	person := "child-" + strconv.Itoa(os.Getpid())
	padding := []byte(strings.Repeat("x", 1000))
	for n := 0; ; n++ {
		w.Write(&audit.Record{Person: person, Statement: audit.Insert, Rows: int64(n), Text: padding, RequestID: strconv.Itoa(n)})
		if n%100 == 99 {
			if err := w.Flush(context.Background()); err != nil {
				return
			}
			fmt.Println(n + 1)
		}
	}
}

// S2-38: a killed process leaves whole lines, and everything that was flushed.
func TestAKilledWriterLeavesWholeLinesAndWhatItFlushed(t *testing.T) {
	t.Parallel()
	rounds := 8
	if os.Getenv(soakVariable) != "" {
		rounds = 200
	}
	file := filepath.Join(t.TempDir(), "audit.jsonl")
	flushed := map[string]int{}
	for range rounds {
		person, n := killOne(t, file)
		flushed[person] = n
	}
	b := newBench(t, func(c *audit.Config) { c.File = file }).start(t) // mends the end
	b.say("survivor")
	b.flush(t)
	found, some := map[string]int{}, 0
	files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "audit*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, l := range read(t, f) {
			found[l.Person]++
		}
	}
	if found["survivor"] != 1 {
		t.Error("the writer that came after lost its record")
	}
	for person, n := range flushed {
		some += n
		if found[person] < n {
			t.Errorf("%s flushed %d records, %d are there", person, n, found[person])
		}
	}
	if some == 0 {
		t.Error("no child lived long enough to flush anything")
	}
}

// killOne lets a child flush up to twenty times, kills it, and returns its name and the number of records that it flushed.
func killOne(t *testing.T, file string) (person string, flushed int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+file)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last int
	for lines := rand.IntN(20); ; lines-- { // a life in lines: a slow machine does as much in it as a fast one
		if lines == 0 {
			time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = cmd.Process.Kill() })
		}
		var n int
		if _, err := fmt.Fscan(out, &n); err != nil {
			break
		}
		last = n
	}
	_ = cmd.Wait() // killed
	return "child-" + strconv.Itoa(cmd.Process.Pid), last
}

func BenchmarkWrite(b *testing.B) {
	w := newBench(b).start(b)
	r := record()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		w.Write(&r)
		if i%10_000 == 9_999 { // a disk that keeps up
			b.StopTimer()
			w.flush(b)
			b.StartTimer()
		}
	}
}

func BenchmarkWriteParallel(b *testing.B) {
	w := newBench(b).start(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := record()
		for pb.Next() {
			if w.Admit(b.Context()) == nil {
				w.Write(&r)
			}
		}
	})
}
