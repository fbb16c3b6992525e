package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) { lifecycletest.Main(m) }

func plan(t *testing.T, h http.HandlerFunc) Plan {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return Plan{URL: u, Method: http.MethodGet, Workers: 3, Requests: 100, Timeout: time.Minute}
}

// S3-12: exactly so many requests are sent as were asked for, and each is in the numbers once.
func TestARunSendsExactlyWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	var n, under, most atomic.Int64
	p := plan(t, func(w http.ResponseWriter, _ *http.Request) {
		now := under.Add(1)
		defer under.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		if n.Add(1)%10 == 0 {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, "12345")
	})
	r, err := Run(t.Context(), p)
	if err != nil || n.Load() != 100 || r.Sent != 100 || r.Failed != 0 || len(r.Samples) != 100 || r.Bytes != 500 {
		t.Fatalf("%v: the server saw %d, the result has %d sent, %d failed, %d samples, %d bytes", err, n.Load(), r.Sent, r.Failed, len(r.Samples), r.Bytes)
	}
	if r.Status[200] != 90 || r.Status[404] != 10 || most.Load() > 3 {
		t.Errorf("statuses %v, %d at once", r.Status, most.Load())
	}
	for i, s := range r.Samples {
		parts := s.Phases.Connect + s.Phases.Write + s.Phases.Wait + s.Phases.Read
		if s.Total <= 0 || parts > s.Total || s.Offset+s.Total > r.Took {
			t.Errorf("sample %d makes no sense: %+v of %v", i, s, r.Took)
		}
		if i > 0 && r.Samples[i-1].Offset+r.Samples[i-1].Total > s.Offset+s.Total {
			t.Errorf("sample %d ended before the one before it", i)
		}
	}
}

func TestRequestsWithoutAnAnswerAreCountedWithTheirReasonAndHaveNoSample(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	p := plan(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1)%4 == 0 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "hello")
	})
	p.NoKeepAlive = true // net/http sends a GET again when a kept connection breaks
	r, err := Run(t.Context(), p)
	if err != nil || r.Failed != 25 || len(r.Samples) != 75 || r.Sent != 100 || len(r.Reasons) == 0 {
		t.Fatalf("%v: %d failed, %d samples, %d sent: %v", err, r.Failed, len(r.Samples), r.Sent, r.Reasons)
	}
	if line := r.Report().Line(); line != "25 of 100 requests had no answer: EOF" {
		t.Errorf("the line is %q", line)
	}
}

func TestAnAnswerThatComesTooLateIsNone(t *testing.T) {
	t.Parallel()
	p := plan(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	p.Requests, p.Timeout = 3, time.Millisecond
	r, err := Run(t.Context(), p)
	if err != nil || r.Reasons["no answer in time"] != 3 {
		t.Errorf("%v: %v", err, r.Reasons)
	}
}

func TestACancelledRunEndsAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	p := plan(t, func(_ http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 5 {
			cancel()
			<-r.Context().Done()
		}
	})
	p.Workers = 1
	r, err := Run(ctx, p)
	if !errors.Is(err, context.Canceled) || r.Sent != 5 || r.Failed != 0 {
		t.Errorf("%v: %d sent, %d failed", err, r.Sent, r.Failed)
	}
}

// Redirections lead as little to hosts that must not be loaded as the address itself does.
func TestOnlyHostsThatAreAllowedAreAsked(t *testing.T) {
	t.Parallel()
	p := plan(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	p.Requests = 3
	p.Allow = func(host string) error {
		if host != p.URL.Hostname() {
			return fault.New(fault.Denied, "not_ours", "%s is not ours", host)
		}
		return nil
	}
	r, err := Run(t.Context(), p)
	if err != nil || r.Reasons["elsewhere.invalid is not ours"] != 3 {
		t.Errorf("%v: %v", err, r.Reasons)
	}
	p.NoRedirects = true
	if r, err = Run(t.Context(), p); err != nil || r.Status[http.StatusFound] != 3 {
		t.Errorf("%v: %v, %v", err, r.Status, r.Reasons)
	}
	p.Proxy = &url.URL{Scheme: "http", Host: "elsewhere.invalid:3128"}
	if _, err = Run(t.Context(), p); fault.KindOf(err) != fault.Denied {
		t.Errorf("a proxy elsewhere: %v", err)
	}
}

func TestHTTP2IsSpokenWhenAskedFor(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	protocols := map[string]int{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		protocols[r.Proto]++
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	u, _ := url.Parse(s.URL) // httptest wrote it
	p := Plan{URL: u, Method: http.MethodGet, Workers: 2, Requests: 4}
	for _, p.HTTP2 = range []bool{true, false} {
		if r, err := Run(t.Context(), p); err != nil || r.Status[200] != 4 {
			t.Errorf("%v: %v", err, r)
		}
	}
	if protocols["HTTP/2.0"] != 4 || protocols["HTTP/1.1"] != 4 {
		t.Errorf("spoken were %v", protocols)
	}
}

func TestARateIsKeptAndASpanEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		span, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		r := &run{plan: Plan{Rate: 4, Span: 10 * time.Second}, over: span.Done()}
		tick, stop := r.ticks()
		defer stop()
		n := 0
		for r.more(t.Context(), tick) {
			n++
		}
		if n != 40 {
			t.Errorf("%d requests in 10 s at 4 a second", n)
		}
	})
}

func TestReasonsAndSamplesAreBounded(t *testing.T) {
	t.Parallel()
	var x tally
	for i := range 1000 {
		x.add(Sample{Status: 200, Bytes: 1}, nil, 10)
		x.add(Sample{}, fmt.Errorf("reason %d", i), 10)
	}
	if len(x.samples) != 10 || x.status[200] != 1000 || len(x.reasons) != maxReasons+1 || x.reasons["other reasons"] != 1000-maxReasons {
		t.Errorf("%d samples, %v, %d reasons", len(x.samples), x.status, len(x.reasons))
	}
}

func TestPlansThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: "127.0.0.1"}
	for _, p := range []Plan{
		{},
		{URL: &url.URL{Scheme: "ftp", Host: "x"}, Workers: 1, Requests: 1},
		{URL: u, Requests: 1},
		{URL: u, Workers: 2, Requests: 1},
		{URL: u, Workers: 1, Requests: 1, Method: "G E T"},
		{URL: u, Workers: 1, Requests: 1, Rate: -1},
		{URL: u, Workers: 1, Requests: 1, Timeout: -1},
		{URL: u, Workers: 1 << 20, Requests: 1 << 30},
	} {
		if _, err := Run(t.Context(), p); fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestABodyIsSentWithEveryRequest(t *testing.T) {
	t.Parallel()
	var good atomic.Int64
	p := plan(t, func(_ http.ResponseWriter, r *http.Request) {
		if b, err := io.ReadAll(r.Body); err == nil && string(b) == "name=x" && r.Method == http.MethodPost && r.ContentLength == 6 {
			good.Add(1)
		}
	})
	p.Method, p.Body = http.MethodPost, []byte("name=x")
	if r, err := Run(t.Context(), p); err != nil || good.Load() != 100 || r.Status[200] != 100 {
		t.Errorf("%v: %d of 100 had the body", err, good.Load())
	}
}

func BenchmarkRun(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	u, _ := url.Parse(s.URL) // httptest wrote it
	b.ReportAllocs()
	if _, err := Run(b.Context(), Plan{URL: u, Method: http.MethodGet, Workers: 10, Requests: max(10, b.N)}); err != nil {
		b.Fatal(err)
	}
}
