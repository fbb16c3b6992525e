package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// load asks with GET from several visitors at once until stop is called, which returns how many answers there were and
// what was wrong with some.
func load(t *testing.T, s *site, visitors int) (stop func() (int64, []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var answers atomic.Int64
	var mu sync.Mutex
	var wrong []string
	for range visitors {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/page", nil)
				resp, err := client.Do(r)
				said := ""
				if err == nil {
					var b []byte
					b, err = io.ReadAll(resp.Body)
					resp.Body.Close()
					if said = string(b); resp.StatusCode != http.StatusOK {
						err = errors.New(resp.Status)
					}
				}
				if answers.Add(1); err != nil {
					mu.Lock()
					wrong = append(wrong, fmt.Sprint(err, " ", said))
					mu.Unlock()
				}
			}
		})
	}
	return func() (int64, []string) {
		cancel()
		all.Wait()
		return answers.Load(), wrong
	}
}

// named answers with a name after a moment.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(time.Millisecond)
		_, _ = io.WriteString(w, name)
	})
}

// three starts three servers.
func three(t *testing.T) (apps []*app, urls []string) {
	t.Helper()
	for i := range 3 {
		a := startApp(t, named(fmt.Sprint(i)))
		apps, urls = append(apps, a), append(urls, a.url)
	}
	return apps, urls
}

// soak is how often the runs under load repeat.
func soak() int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return 20
	}
	return 1
}

// S1-04: one of three servers is killed under load, and no GET fails, neither before nor after that is found out.
func TestAServerThatIsKilledUnderLoadCostsNoAnswer(t *testing.T) {
	t.Parallel()
	for range soak() {
		apps, urls := three(t)
		s := start(t, edge.Options{Config: config(urls...)})
		stop := load(t, s, 8)
		<-time.After(200 * time.Millisecond)
		apps[1].Close() // connections are cut in the middle of requests
		<-time.After(500 * time.Millisecond)
		if n, wrong := stop(); len(wrong) > 0 || n < 100 {
			t.Errorf("%d of %d failed: %.300q", len(wrong), n, wrong)
		}
		p, _ := s.Upstreams()
		if st := p.Status()[1]; st.State != "down" {
			t.Errorf("the killed server is %s", st.State)
		}
	}
}

// S1-04: all three are restarted in turn under load, with and without a drain before.
func TestARollingRestartCostsNoAnswer(t *testing.T) {
	t.Parallel()
	for range soak() {
		apps, urls := three(t)
		s := start(t, edge.Options{Config: config(urls...)})
		p, _ := s.Upstreams()
		stop := load(t, s, 8)
		for i, a := range apps {
			if i > 0 {
				if err := p.Drain(t.Context(), a.url); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_ = a.Shutdown(ctx) // as Gunicorn ends: no new connections, requests under way finish
			cancel()
			<-time.After(100 * time.Millisecond)
			startAppAt(t, a.addr, named(fmt.Sprint(i)))
			if i > 0 {
				if err := p.Undrain(a.url); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "the server is up again", func() error {
				if st := p.Status()[i]; st.State != "up" {
					return errors.New(st.State + " " + st.LastError)
				}
				return nil
			})
		}
		if n, wrong := stop(); len(wrong) > 0 || n < 100 {
			t.Errorf("%d of %d failed: %.300q", len(wrong), n, wrong)
		}
	}
}

// A request that cannot be repeated is sent once; one that no server has seen goes to the next.
func TestOnlyWhatIsSafeIsSentTwice(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	breaks := startApp(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		seen.Add(1)
		panic(http.ErrAbortHandler)
	}))
	c := config(breaks.url, startApp(t, named("whole")).url)
	c.Upstream.Health.Fall = 1000
	s := start(t, edge.Options{Config: c})
	f := func(method string, want int) {
		t.Helper()
		for range 4 { // one of two meets the server that breaks off first
			if got := s.ask(method + " /"); got.StatusCode != http.StatusOK && want == http.StatusOK {
				t.Errorf("%s: %d %s", method, got.StatusCode, got.body)
			}
		}
	}
	f("GET", 200)
	f("HEAD", 200)
	before, failed := seen.Load(), 0
	for range 10 {
		if s.ask("POST /").StatusCode == http.StatusBadGateway {
			failed++
		}
	}
	if n := int(seen.Load() - before); n != failed || failed == 0 {
		t.Errorf("%d POSTs reached the server that breaks off, %d failed", n, failed)
	}
	breaks.Close()
	for range 10 {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader("body"))
		if got := s.send(r); got.body != "whole" {
			t.Errorf("a POST that nobody had seen: %d %s", got.StatusCode, got.body)
		}
	}
}

// While the only server restarts, visitors wait a moment; when it stays away they are told at once.
func TestVisitorsWaitForARestartAndNotForWhatStaysAway(t *testing.T) {
	t.Parallel()
	a := startApp(t, named("first"))
	c := config(a.url)
	c.Upstream.Timeouts.Wait = unit.Duration(time.Second)
	s := start(t, edge.Options{Config: c})
	a.Close()
	back := make(chan struct{})
	go func() {
		defer close(back)
		<-time.After(300 * time.Millisecond)
	}()
	got := make(chan answer, 1)
	go func() { got <- s.ask("GET /") }()
	<-back
	b := startAppAt(t, a.addr, named("second"))
	if g := <-got; g.body != "second" {
		t.Errorf("during the restart: %d %s", g.StatusCode, g.body)
	}
	b.Close()
	eventually(t, "who comes after others have waited in vain is told at once", func() error {
		began := time.Now()
		g := s.ask("GET /")
		if took := time.Since(began); g.StatusCode != http.StatusServiceUnavailable || took > c.Upstream.Timeouts.Wait.D()/2 {
			return fmt.Errorf("%d after %s", g.StatusCode, took)
		}
		return nil
	})
}

// Least connections: a slow server gets fewer requests. max_connections holds, and those who wait too long are told.
func TestTheServerWithLeastToDoGetsTheRequest(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	slow := startApp(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}))
	c := config(slow.url, startApp(t, named("quick")).url)
	s := start(t, edge.Options{Config: c})
	hung := make(chan struct{})
	go func() { // exactly one gets stuck
		defer close(hung)
		for range 2 {
			s.ask("GET /")
		}
	}()
	p, _ := s.Upstreams()
	eventually(t, "a request is stuck", func() error {
		if p.Status()[0].Busy == 0 {
			return errors.New("none is")
		}
		return nil
	})
	for range 20 {
		if got := s.ask("GET /"); got.body != "quick" {
			t.Errorf("got %q", got.body)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Drain(ctx, slow.url); fault.CodeOf(err) != "upstream_busy" || p.Status()[0].State != "draining" {
		t.Errorf("drain of a busy server: %v, %s", err, p.Status()[0].State)
	}
	close(held)
	<-hung
	if err := p.Drain(t.Context(), slow.url); err != nil || p.Status()[0].State != "drained" {
		t.Errorf("drain: %v, %s", err, p.Status()[0].State)
	}
	if err := p.Drain(t.Context(), "http://127.0.0.1:1"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("drain of a stranger: %v", err)
	}
}

func TestMoreThanMaxConnectionsWaitAndThenAreTurnedAway(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int64
	a := startApp(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := at.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-time.After(20 * time.Millisecond)
		at.Add(-1)
	}))
	c := config(a.url)
	c.Upstream.MaxConnections, c.Upstream.MaxWaiting = 2, 10
	s := start(t, edge.Options{Config: c})
	var ok, busy atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			switch got := s.ask("GET /"); got.StatusCode {
			case http.StatusOK:
				ok.Add(1)
			case http.StatusServiceUnavailable:
				busy.Add(1)
			}
		})
	}
	all.Wait()
	if most.Load() > 2 || ok.Load()+busy.Load() != 40 || ok.Load() < 12 || busy.Load() == 0 {
		t.Errorf("%d at once, %d answered, %d turned away", most.Load(), ok.Load(), busy.Load())
	}
}

// A visitor comes back to the same server; a forged cookie leads nowhere, and the application does not see it.
func TestAStickyVisitorStaysWithItsServer(t *testing.T) {
	t.Parallel()
	seen := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %q", name, r.Header["Cookie"])
		})
	}
	a, b := startApp(t, seen("a")), startApp(t, seen("b"))
	c := config(a.url, b.url)
	c.Upstream.Sticky = "hf_server"
	s := start(t, edge.Options{Config: c})
	first := s.ask("GET /", "Cookie: theirs=1")
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	if !strings.HasPrefix(cookie, "hf_server=") {
		t.Fatalf("no cookie: %v", first.Header)
	}
	for range 10 {
		if got := s.ask("GET /", "Cookie: theirs=1; "+cookie); got.body != first.body || got.Header.Get("Set-Cookie") != "" {
			t.Errorf("came to %s, was at %s; %q", got.body, first.body, got.Header.Get("Set-Cookie"))
		}
	}
	if got := s.ask("GET /", "Cookie: hf_server=http://10.0.0.1"); got.StatusCode != http.StatusOK || got.Header.Get("Set-Cookie") == "" {
		t.Errorf("a forged cookie: %d", got.StatusCode)
	}
}

// Health: a server whose check fails is down though it accepts connections, and up again with slow start.
func TestAServerThatFailsItsCheckGetsNoRequests(t *testing.T) {
	t.Parallel()
	var sick atomic.Bool
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" && sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(w, "a")
	}))
	c := config(a.url, startApp(t, named("b")).url)
	c.Upstream.Health.Path = "/health"
	c.Upstream.SlowStart = unit.Duration(time.Minute)
	s := start(t, edge.Options{Config: c})
	p, _ := s.Upstreams()
	state := func(want string) {
		t.Helper()
		eventually(t, "server is "+want, func() error {
			if st := p.Status()[0]; st.State != want {
				return fmt.Errorf("it is %s (%s)", st.State, st.LastError)
			}
			return nil
		})
	}
	sick.Store(true)
	state("down")
	for range 10 {
		if got := s.ask("GET /"); got.body != "b" {
			t.Errorf("got %q from a server that is down", got.body)
		}
	}
	sick.Store(false)
	state("slow_start")
}
