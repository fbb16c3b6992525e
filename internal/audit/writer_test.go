package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
	}
	lifecycletest.Main(m)
}

// bench is a writer and what belongs to it.
type bench struct {
	*audit.Writer
	config   audit.Config
	findings *health.Registry
}

// newBench returns a writer that is not started.
func newBench(t testing.TB, change ...func(*audit.Config)) *bench {
	t.Helper()
	c := audit.DefaultConfig()
	c.File = filepath.Join(t.TempDir(), "state", "audit.jsonl")
	for _, f := range change {
		f(&c)
	}
	if p := c.Validate(); len(p) > 0 {
		t.Fatal(p)
	}
	findings := health.New()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	return &bench{audit.New(c, log, findings), c, findings}
}

func (b *bench) start(t testing.TB) *bench {
	t.Helper()
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop(context.Background()) })
	return b
}

// say records a statement by a person.
func (b *bench) say(person string) {
	b.Write(&audit.Record{Person: person, Statement: audit.Select, Database: "app"})
}

func (b *bench) flush(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// line is a line of the stream, as far as the tests look.
type line struct {
	Event   string
	Person  string
	Bytes   int
	Records int
	Text    string
}

// read returns the lines of a file; each must be JSON.
func read(t testing.TB, path string) []line {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(content) > 0 && content[len(content)-1] != '\n' {
		t.Fatalf("%s ends within a line: …%q", path, content[max(0, len(content)-80):])
	}
	var lines []line
	for text := range bytes.Lines(content) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			t.Fatalf("%s holds %q: %v", path, text, err)
		}
		lines = append(lines, l)
	}
	return lines
}

func persons(lines []line) string {
	var names []string
	for _, l := range lines {
		if l.Event != "statement" {
			l.Person = "<" + l.Event + ">"
		}
		names = append(names, l.Person)
	}
	return strings.Join(names, " ")
}

// shown returns the codes of the findings.
func (b *bench) shown() string {
	var codes []string
	for _, f := range b.findings.Snapshot() {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	lifecycletest.Until(t, 20*time.Second, what, condition)
}

// S2-38: append-only.
func TestRecordsAreAppendedInOrderToAPrivateFile(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(t)
	b.say("a")
	b.say("b")
	b.flush(t)
	b.say("c")
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.say("too late")
	if got := b.Stats(); got.Dropped != 1 || got.Records != 3 || got.Queued != 0 {
		t.Errorf("stats %+v; want 3 records and the late one dropped", got)
	}
	b.start(t)
	b.say("d")
	b.flush(t)
	if got := persons(read(t, b.config.File)); got != "a b c d" {
		t.Errorf("stream of %q; want a b c d", got)
	}
	info, err := os.Stat(b.config.File)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestALineAppearsSoonWithoutFlush(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(t)
	b.say("a")
	eventually(t, "the line is in the file", func() bool { return len(read(t, b.config.File)) == 1 })
}

func TestManyWritersLoseNothingAndKeepTheirOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) { c.MaxSize, c.Sync = 64<<10, 0 }).start(t)
	const each = 400
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range each {
				b.say(strconv.Itoa(i) + "-" + strconv.Itoa(j))
				if j%100 == 99 {
					_ = b.Flush(t.Context()) // so that there are several groups
				}
			}
		})
	}
	all.Wait()
	b.flush(t)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(b.config.File), "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v; want some that were set aside", files, err)
	}
	next, total := map[string]int{}, 0
	for _, file := range files { // names sort by time, and the present one behind all: '-' before '.'
		for _, l := range read(t, file) {
			who, n, _ := strings.Cut(l.Person, "-")
			if strconv.Itoa(next[who]) != n {
				t.Fatalf("%s: record %s of %s; want %d", file, n, who, next[who])
			}
			next[who]++
			total++
		}
	}
	if total != 8*each || b.Stats().Rotations == 0 {
		t.Errorf("%d records, %+v; want %d", total, b.Stats(), 8*each)
	}
}

func TestOnlySoManyFilesAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) { c.MaxSize, c.Keep = 64<<10, 2 }).start(t)
	other := filepath.Join(filepath.Dir(b.config.File), "audit-notes.jsonl")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for b.Stats().Rotations < 5 {
		for range 100 {
			b.say("someone")
		}
		b.flush(t)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(b.config.File), "audit-2*.jsonl"))
	if err != nil || len(files) != 2 {
		t.Errorf("files %v, %v; want 2", files, err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a file of somebody else is gone: %v", err)
	}
}

func TestAfterReopenRecordsGoToTheNewFile(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(t)
	b.say("a")
	b.flush(t)
	moved := b.config.File + ".1"
	if err := os.Rename(b.config.File, moved); err != nil {
		t.Fatal(err)
	}
	b.Reopen()
	eventually(t, "a new file", func() bool { _, err := os.Stat(b.config.File); return err == nil })
	b.say("b")
	b.flush(t)
	if old, now := persons(read(t, moved)), persons(read(t, b.config.File)); old != "a" || now != "b" {
		t.Errorf("old file %q, new file %q; want a and b", old, now)
	}
}

func TestARemovedFileIsMadeAnewWithoutASignal(t *testing.T) {
	t.Parallel()
	b := newBench(t).start(t)
	if err := os.Remove(b.config.File); err != nil {
		t.Fatal(err)
	}
	b.say("lost with the file")
	b.flush(t)
	b.say("b")
	b.flush(t)
	if got := persons(read(t, b.config.File)); got != "b" {
		t.Errorf("new file of %q; want b", got)
	}
}

func TestTwoProcessesMayShareTheFile(t *testing.T) {
	t.Parallel()
	one := newBench(t).start(t)
	one.say("a")
	one.flush(t)
	two := newBench(t, func(c *audit.Config) { c.File = one.config.File }).start(t)
	two.say("b")
	two.flush(t)
	one.say("c")
	one.flush(t)
	if got := persons(read(t, one.config.File)); got != "a b c" {
		t.Errorf("stream of %q; want a b c", got)
	}
}

func TestAFileThatCannotBeOpenedFailsTheStart(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) { c.File = t.TempDir() })
	if err := b.Start(t.Context()); err == nil {
		t.Error("a directory was opened as a file")
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/null", link); err != nil {
		t.Fatal(err)
	}
	b = newBench(t, func(c *audit.Config) { c.File = link })
	if err := b.Start(t.Context()); err == nil {
		t.Error("a link was followed")
	}
}

func TestSettingsOutOfBoundsAreReportedTogether(t *testing.T) {
	t.Parallel()
	c := audit.Config{TextMax: -1, MaxSize: 1, Keep: -1, Sync: -1, Queue: 1, OnFull: "wait", OnFullWait: -1}
	var keys []string
	for _, p := range c.Validate() {
		keys = append(keys, p.Key)
	}
	if got, want := strings.Join(keys, " "), "text_max max_size keep sync queue on_full on_full_wait"; got != want {
		t.Errorf("problems with %q; want %q", got, want)
	}
	if p := audit.DefaultConfig().Validate(); len(p) > 0 {
		t.Error(p)
	}
}

func TestAWriterStartsAndStopsUnderStress(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service { return newBench(t).Writer })
}
