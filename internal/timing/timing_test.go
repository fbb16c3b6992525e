package timing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a book's time, and what it logged.
type clock struct {
	at  time.Time
	log bytes.Buffer
}

func book(slow time.Duration) (*Book, *clock) {
	c := &clock{at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
	return newBook(slow, slog.New(slog.NewTextHandler(&c.log, nil)), func() time.Time { return c.at }), c
}

func (b *Book) ask(t *testing.T, path string, took time.Duration) {
	t.Helper()
	b.Add(t.Context(), Record{App: "app", Method: "GET", Path: path, Status: 200, Asked: Milliseconds(took)})
}

func (r Report) route(t *testing.T, path string) Route {
	t.Helper()
	for _, x := range r.Routes {
		if x.Path == path {
			return x
		}
	}
	t.Fatalf("no route %s in %+v", path, r.Routes)
	return Route{}
}

// S1-49: median, 95th and 99th percentile of each route, to 3 %.
func TestARouteHasItsPercentilesAndTheSplitOfItsTime(t *testing.T) {
	t.Parallel()
	b, _ := book(time.Second)
	for i := range 1000 {
		b.Add(t.Context(), Record{
			App: "app", Method: "GET", Path: fmt.Sprintf("/courses/%d/", i), Status: 200,
			Queue: Milliseconds(time.Millisecond), Asked: Milliseconds(time.Duration(i) * time.Millisecond), DB: Milliseconds(300 * time.Millisecond),
		})
	}
	r := b.Report().route(t, "/courses/*/")
	near := func(what string, got Milliseconds, want time.Duration) {
		t.Helper()
		if off := math.Abs(float64(got.D()-want)) / float64(want); off > 0.035 {
			t.Errorf("%s is %s, want %s", what, got.D(), want)
		}
	}
	near("p50", r.P50, 500*time.Millisecond)
	near("p95", r.P95, 950*time.Millisecond)
	near("p99", r.P99, 990*time.Millisecond)
	if r.Requests != 1000 || r.Queue.D() != time.Millisecond || r.DB.D() != 300*time.Millisecond || r.DBKnown != 1000 || r.Slowest.D() != time.Second {
		t.Errorf("the route is %+v", r)
	}
}

func TestEveryTimeFallsIntoItsBucket(t *testing.T) {
	t.Parallel()
	last := -1
	for d := 200 * time.Microsecond; d < time.Hour; d += d/100 + time.Microsecond {
		n := bucket(d)
		if n < last || n > last+1 && last >= 0 {
			t.Fatalf("%s is in bucket %d after %d", d, n, last)
		}
		if off := math.Abs(float64(middle(n)-d)) / float64(d); off > 0.035 {
			t.Fatalf("%s is in the bucket around %s", d, middle(n))
		}
		last = n
	}
	if last >= len(histogram{}) || bucket(0) != 0 {
		t.Errorf("an hour is in bucket %d of %d, nothing in %d", last, len(histogram{}), bucket(0))
	}
	var h histogram
	h.add(1000 * time.Hour)
}

func TestRoutesAreLearnedFromPaths(t *testing.T) {
	t.Parallel()
	f := func(want string, paths ...string) {
		t.Helper()
		b, _ := book(0)
		for _, p := range paths {
			b.ask(t, p, time.Millisecond)
		}
		if r := b.Report().route(t, want); r.Requests != len(paths) {
			t.Errorf("%s has %d of %d requests", want, r.Requests, len(paths))
		}
	}
	f("/", "/", "/")
	f("/courses/*/edit", "/courses/17/edit", "/courses/4/edit")
	f("/archive/*", "/archive/2026-07-14", "/archive/2025")
	f("/file/*", "/file/3f2a9c01b7de", "/file/550e8400-e29b-41d4-a716-446655440000", "/file/"+strings.Repeat("long", 20))
	f("/v1/users", "/v1/users")
	f("/a/b/c/d/e/f/g/h/*", "/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/i/j/k")
}

// What has names and no numbers becomes one route when there are too many of them, and nothing is lost on the way.
func TestTooManySegmentsInOnePlaceBecomeOne(t *testing.T) {
	t.Parallel()
	b, _ := book(0)
	b.ask(t, "/about", time.Millisecond)
	for i := range 200 {
		name := "article-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		b.ask(t, "/news/"+name, time.Millisecond)
		b.ask(t, "/news/"+name+"/comments", time.Millisecond)
	}
	r := b.Report()
	if len(r.Routes) != 3 || r.route(t, "/news/*").Requests != 200 || r.route(t, "/news/*/comments").Requests != 200 {
		t.Errorf("the routes are %+v", r.Routes)
	}
}

// Scanners teach nothing, and what strangers ask for is bounded.
func TestPathsThatDoNotExistAreCountedTogether(t *testing.T) {
	t.Parallel()
	b, _ := book(0)
	b.ask(t, "/login", time.Millisecond)
	for i := range 1000 {
		b.Add(t.Context(), Record{App: "app", Method: "GET", Path: fmt.Sprintf("/wp-%c/%c", 'a'+i%26, 'a'+i/26%26), Status: 404})
	}
	b.Add(t.Context(), Record{App: "app", Method: "GET", Path: "/login", Status: 503})
	r := b.Report()
	if len(r.Routes) != 2 || r.route(t, Other).Requests != 1000 || r.route(t, "/login").Failed != 1 {
		t.Errorf("the routes are %+v", r.Routes)
	}
	for i := range 100_000 { // an application that answers 200 to everything
		b.ask(t, fmt.Sprintf("/%x%c/%x%c/%x%c", i%7, 'g'+i%20, i%11, 'g'+i%19, i%13, 'g'+i%18), time.Millisecond)
	}
	if n, nodes := len(b.Report().Routes), b.apps["app"].nodes; n > maxRoutes+1 || nodes > maxNodes+1 {
		t.Errorf("%d routes, %d nodes", n, nodes)
	}
}

func TestNumbersAreThoseOfTheLastHour(t *testing.T) {
	t.Parallel()
	b, c := book(0)
	b.ask(t, "/old", time.Millisecond)
	c.at = c.at.Add(31 * time.Minute)
	b.ask(t, "/new", time.Millisecond)
	if n := len(b.Report().Routes); n != 2 {
		t.Errorf("%d routes after half an hour", n)
	}
	c.at = c.at.Add(31 * time.Minute)
	if r := b.Report(); len(r.Routes) != 1 || r.Routes[0].Path != "/new" {
		t.Errorf("after an hour the routes are %+v", r.Routes)
	}
	c.at = c.at.Add(5 * time.Hour)
	if r := b.Report(); len(r.Routes) != 0 || !r.Since.Equal(c.at) || len(b.apps) != 0 {
		t.Errorf("after a night the routes are %+v since %s", r.Routes, r.Since)
	}
}

// S1-49: a slow request is a line with the parts of its time; an application that is down does not fill the disk.
func TestSlowRequestsAreLoggedWithTheirPartsAndBounded(t *testing.T) {
	t.Parallel()
	b, c := book(time.Second)
	b.ask(t, "/quick", 999*time.Millisecond)
	b.Add(t.Context(), Record{
		App: "app", Method: "GET", Path: "/slow", Status: 200, Queue: Milliseconds(800 * time.Millisecond), Asked: Milliseconds(400 * time.Millisecond),
		DB: Milliseconds(300 * time.Millisecond), Total: Milliseconds(1300 * time.Millisecond),
	})
	line := c.log.String()
	for _, part := range []string{"path=/slow", "queue=800ms", "app_time=400ms", "db_time=300ms", "total=1.3s"} {
		if strings.Count(line, "\n") != 1 || !strings.Contains(line, part) {
			t.Fatalf("%q is not in the one line of\n%s", part, line)
		}
	}
	for i := range 500 {
		b.ask(t, fmt.Sprintf("/slow/%d", i), 2*time.Second)
	}
	if n := strings.Count(c.log.String(), "\n"); n != logBurst {
		t.Errorf("%d lines in one second", n)
	}
	c.at = c.at.Add(logEvery)
	b.ask(t, "/slow/500", 2*time.Second)
	if !strings.Contains(c.log.String(), "path=/slow/500") || !strings.Contains(c.log.String(), "unsaid=491") {
		t.Errorf("the last line is missing:\n%s", c.log.String())
	}
	r := b.Report()
	if r.SlowCount != 502 || len(r.Slow) != maxSlow || r.Slow[0].Path != "/slow/500" || r.Slow[99].Path != "/slow/401" {
		t.Errorf("%d slow ones, %d kept, from %s to %s", r.SlowCount, len(r.Slow), r.Slow[0].Path, r.Slow[len(r.Slow)-1].Path)
	}
	b.SetSlow(0)
	b.ask(t, "/slow/501", time.Hour)
	if b.Report().SlowCount != 502 {
		t.Error("a slow request was noted although none is to be")
	}
}

func TestABookMayBeUsedByMany(t *testing.T) {
	t.Parallel()
	b := NewBook(time.Second, slog.New(slog.DiscardHandler))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				b.ask(t, fmt.Sprintf("/x/%d", i), time.Second)
				if i%50 == 0 {
					b.Report()
				}
			}
		})
	}
	wg.Wait()
	if r := b.Report(); r.SlowCount != 1600 || r.route(t, "/x/*").Requests != 1600 {
		t.Errorf("%d slow ones", r.SlowCount)
	}
}

func BenchmarkAdd(b *testing.B) {
	book := NewBook(time.Second, slog.New(slog.DiscardHandler))
	r := Record{App: "app", Method: "GET", Path: "/courses/17/tasks/4/edit", Status: 200, Asked: Milliseconds(time.Millisecond)}
	b.ReportAllocs()
	for b.Loop() {
		book.Add(b.Context(), r)
	}
}

func TestTimesAreMillisecondsInJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Record{Asked: Milliseconds(1234567 * time.Nanosecond)})
	var back Record
	if err != nil || !strings.Contains(string(b), `"asked_ms":1.235,`) || json.Unmarshal(b, &back) != nil || back.Asked.D() != 1235*time.Microsecond {
		t.Errorf("%s, %v, back as %s", b, err, back.Asked.D())
	}
}
