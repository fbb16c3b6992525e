package logging_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/logging"
	"holdfast/internal/secret"
)

// events parses each line of the output as a JSON object of its own.
func events(t *testing.T, output []byte) []map[string]any {
	t.Helper()
	var out []map[string]any
	lines := bufio.NewScanner(bytes.NewReader(output))
	for lines.Scan() {
		var event map[string]any
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("line %q: %v", lines.Bytes(), err)
		}
		out = append(out, event)
	}
	return out
}

// Row S2-90: structured lines, one event per line, levels, request ids.
func TestEachEventIsOneLineOfJSONWhateverIsInIt(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(logging.DefaultConfig(), &out)
	ctx := logging.WithRequestID(t.Context(), "req-12345")
	log.DebugContext(ctx, "below the level")
	log.InfoContext(ctx, "two\nlines \"quoted\" \x00\xff", "key with space", "a\nb", "wait", 1500*time.Millisecond)
	log.ErrorContext(ctx, "bad", "error", errors.New("first\nsecond"))
	log.Warn("without a request")
	got := events(t, out.Bytes())
	if len(got) != 3 {
		t.Fatalf("%d events; want 3:\n%s", len(got), out.Bytes())
	}
	if got[0]["wait"] != "1.5s" || got[0]["request_id"] != "req-12345" || got[0]["level"] != "INFO" {
		t.Errorf("first event %v", got[0])
	}
	if got[1]["error"] != "first\nsecond" || got[1]["level"] != "ERROR" {
		t.Errorf("second event %v", got[1])
	}
	if _, has := got[2]["request_id"]; has {
		t.Errorf("third event has a request id: %v", got[2])
	}
	for _, e := range got {
		if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(e["time"])); err != nil {
			t.Errorf("time of %v: %v", e, err)
		}
	}
}

// Row S2-90: plain text option.
func TestTextIsOneLineForEachEvent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(logging.Config{Level: "warn", Format: "text"}, &out)
	log.Info("quiet")
	log.WarnContext(logging.WithRequestID(t.Context(), "req-12345"), "two\nlines", "wait", time.Second)
	if s := out.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, `msg="two\nlines" wait=1s request_id=req-12345`) {
		t.Errorf("output %q", s)
	}
}

func TestWithoutAFormatAFileGetsJSON(t *testing.T) {
	t.Parallel()
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	logging.New(logging.Config{}, f).Info("x")
	written, err := os.ReadFile(f.Name())
	if err != nil || len(events(t, written)) != 1 {
		t.Errorf("wrote %q, %v", written, err)
	}
}

func TestTheRequestIDStandsAtTheTopWhateverGroupsAreOpen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(logging.DefaultConfig(), &out).With("part", "files")
	grouped := log.WithGroup("outer").With("a", 1).WithGroup("").WithGroup("inner").With("b", 2)
	ctx := logging.WithRequestID(t.Context(), "req-12345")
	grouped.InfoContext(ctx, "x", "c", 3)
	grouped.Info("x", "c", 3)
	for i, e := range events(t, out.Bytes()) {
		delete(e, "time")
		if i == 0 && e["request_id"] != "req-12345" {
			t.Errorf("event %v lacks the id at the top", e)
		}
		delete(e, "request_id")
		want := "map[level:INFO msg:x outer:map[a:1 inner:map[b:2 c:3]] part:files]"
		if fmt.Sprint(e) != want {
			t.Errorf("event %d is %v; want %v", i, e, want)
		}
	}
}

// Row S0-46: secrets are never logged.
func TestSecretsAreNeverWritten(t *testing.T) {
	t.Parallel()
	const value = "correct-horse-battery"
	type settings struct {
		Exported secret.String
		hidden   secret.String
	}
	s := settings{secret.New(value), secret.New(value)}
	for _, format := range []string{"json", "text"} {
		var out bytes.Buffer
		log := logging.New(logging.Config{Format: format}, &out)
		log = log.With("bound", s.hidden).WithGroup("g")
		log.Info("all forms", "value", s.Exported, "pointer", &s.Exported, "struct", s, "in struct", &s,
			"slice", []secret.String{s.Exported}, "map", map[string]secret.String{"k": s.Exported},
			"error", fmt.Errorf("log in with %v", s), slog.Group("group", "v", s.Exported))
		if strings.Contains(out.String(), value) {
			t.Errorf("%s shows the secret: %s", format, out.String())
		}
		if !strings.Contains(out.String(), secret.Redacted) {
			t.Errorf("%s does not show that there is one: %s", format, out.String())
		}
	}
}

func TestErrAddsCodeAndHint(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(logging.DefaultConfig(), &out)
	log.Error("put", logging.Err(fmt.Errorf("store: %w", fault.New(fault.Full, "disk_full", "no space").WithHint("add a disk"))))
	log.Error("put", logging.Err(errors.New("odd")))
	got := events(t, out.Bytes())
	if got[0]["error"] != "store: no space" || got[0]["code"] != "disk_full" || got[0]["hint"] != "add a disk" {
		t.Errorf("event %v", got[0])
	}
	if _, has := got[1]["hint"]; has || got[1]["code"] != "internal" {
		t.Errorf("event %v", got[1])
	}
}

func TestConfigNamesEveryMistakeWithWhatToWrite(t *testing.T) {
	t.Parallel()
	if p := logging.DefaultConfig().Validate(); p != nil {
		t.Errorf("defaults: %v", p)
	}
	f := func(c logging.Config, want string) {
		t.Helper()
		if got := c.Validate().Error(); got != want {
			t.Errorf("%+v: %q; want %q", c, got, want)
		}
	}
	f(logging.Config{Level: "debug", Format: "text"}, "")
	f(logging.Config{Level: "warning"}, `level: "warning" is not a level → write "warn"`)
	f(logging.Config{Level: "INFO"}, `level: "INFO" is not a level → write "info" in lower case`)
	f(logging.Config{Level: "trace"}, `level: "trace" is not a level → write "debug"`)
	f(logging.Config{Level: "fatal"}, `level: "fatal" is not a level → write "error"`)
	f(logging.Config{Level: "loud", Format: "xml"},
		`level: "loud" is not a level → write "debug", "info", "warn" or "error"`+"\n"+
			`format: "xml" is not a format → write "json" or "text"`)
}

func TestRequestIDsAreTakenFromOutsideOnlyWhenWellFormed(t *testing.T) {
	t.Parallel()
	taken := func(id string) bool {
		h := http.Header{}
		h.Set(logging.RequestIDHeader, id)
		return logging.RequestIDOf(h) == id
	}
	for _, id := range []string{"12345678", "0af7651916cd43dd8448eb211c80319c", "a-b_c.d.E", strings.Repeat("x", 64)} {
		if !taken(id) {
			t.Errorf("%q was refused", id)
		}
	}
	for _, id := range []string{"", "short", strings.Repeat("x", 65), "with space", "new\nline", "quote\"xx", "ümlautxx", "<script>"} {
		if taken(id) {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestNewRequestIDsAreWellFormedAndDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := logging.NewRequestID()
		h := http.Header{logging.RequestIDHeader: {id}}
		if logging.RequestIDOf(h) != id || len(id) != 26 || seen[id] {
			t.Fatalf("id %q is malformed or came twice", id)
		}
		seen[id] = true
	}
	if id := logging.RequestID(context.Background()); id != "" {
		t.Errorf("a context without id has %q", id)
	}
}

// lines is a writer that fails the test when it is handed anything but one whole line.
type lines struct {
	t  *testing.T
	mu sync.Mutex
	n  int
}

func (l *lines) Write(p []byte) (int, error) {
	if !l.mu.TryLock() {
		l.t.Error("two writes at once")
		return len(p), nil
	}
	defer l.mu.Unlock()
	if l.n++; bytes.Count(p, []byte("\n")) != 1 || p[len(p)-1] != '\n' {
		l.t.Errorf("written %q; want one line", p)
	}
	return len(p), nil
}

func TestManyGoroutinesWriteWholeLines(t *testing.T) {
	t.Parallel()
	out := &lines{t: t}
	log := logging.New(logging.DefaultConfig(), out)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				log.WithGroup("g").Info("x", "i", i)
			}
		})
	}
	all.Wait()
	if out.n != 800 {
		t.Errorf("%d lines; want 800", out.n)
	}
}
