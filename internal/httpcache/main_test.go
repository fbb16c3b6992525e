package httpcache

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) { lifecycletest.Main(m) }

// rig is a cache under test, with an application that the test writes.
type rig struct {
	*Cache
	t    testing.TB
	app  http.HandlerFunc
	lane bool // what the lane can answer it does

	mu       sync.Mutex // protects the following
	requests []*http.Request
	results  []Result
	inLane   int // answers that the lane had
}

// newRig starts a cache until the test ends. The application is app.
func newRig(t testing.TB, change func(*Config), app http.HandlerFunc) *rig {
	t.Helper()
	config := DefaultConfig()
	config.Enabled, config.DiskFree = true, 0
	if change != nil {
		change(&config)
	}
	if p := config.Validate(); len(p) > 0 {
		t.Fatal(p.Err())
	}
	r := &rig{t: t, app: app}
	dir := ""
	if config.Disk > 0 {
		dir = t.TempDir()
	}
	r.open(config, dir)
	return r
}

func (r *rig) open(config Config, dir string) {
	r.t.Helper()
	c := New(Options{
		Config: config, Dir: dir, Log: slog.New(slog.DiscardHandler),
		Next: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			r.mu.Lock()
			r.requests = append(r.requests, q)
			r.mu.Unlock()
			r.app(w, q)
		}),
		Observe: func(_ context.Context, result Result) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.results = append(r.results, result)
		},
		Report: func(err error) {
			if err != nil {
				r.t.Error(err)
			}
		},
	})
	if err := c.Start(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	r.Cache = c
	r.t.Cleanup(r.close)
}

// close stops the cache, as a process that ends in order does.
func (r *rig) close() {
	if err := r.Stop(context.Background()); err != nil {
		r.t.Error(err)
	}
}

// asked is how many requests the application got, and the latest of them.
func (r *rig) asked() (int, *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) == 0 {
		return 0, nil
	}
	return len(r.requests), r.requests[len(r.requests)-1]
}

// result is what became of the latest request.
func (r *rig) result() Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.results) == 0 {
		return ""
	}
	return r.results[len(r.results)-1]
}

// request makes one of "METHOD target" and fields "Name: value".
func request(line string, fields ...string) *http.Request {
	method, target, _ := strings.Cut(line, " ")
	if strings.HasPrefix(target, "/") {
		target = "http://site" + target
	}
	r := httptest.NewRequest(method, target, nil)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		name = http.CanonicalHeaderKey(name)
		r.Header[name] = append(r.Header[name], value)
	}
	return r
}

// ask sends a request and returns the answer. What the lane can answer, ServeHTTP has to answer in the same way.
func (r *rig) ask(line string, fields ...string) *httptest.ResponseRecorder {
	q := request(line, fields...)
	found, ok := r.inTheLane(q)
	if ok && r.lane {
		return r.give(found)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	if after, still := r.inTheLane(q); ok && still && after.o == found.o { // nobody has stored or removed anything meanwhile
		r.compare(q, w, found)
	}
	return w
}

// answer writes "status" and fields and a body.
func answer(w http.ResponseWriter, status int, body string, fields ...string) {
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if rest, ok := strings.CutPrefix(value, "now"); ok { // a moment, as far from now as it says
			if d, err := time.ParseDuration(rest); err == nil {
				value = time.Now().Add(d).UTC().Format(http.TimeFormat)
			}
		}
		w.Header().Add(name, value)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}
