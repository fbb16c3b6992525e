package httpcache

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// S3-21, issue 5: 50 concurrent cold requests reach the application once, whether its answer has a length or not.
func TestFiftyConcurrentColdRequestsReachTheApplicationOnce(t *testing.T) {
	t.Parallel()
	for _, length := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			go1 := make(chan struct{})
			r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
				<-go1
				w.Header().Set("Cache-Control", "max-age=60")
				if length {
					w.Header().Set("Content-Length", "10")
				}
				_, _ = io.WriteString(w, "hello")
				_, _ = io.WriteString(w, "world")
			})
			wait := r.crowd(50, "GET /")
			synctest.Wait()
			if n, _ := r.asked(); n != 1 {
				t.Errorf("%d asked at once", n)
			}
			close(go1)
			for i, got := range wait() {
				if got.Code != http.StatusOK || got.Body.String() != "helloworld" {
					t.Errorf("visitor %d: %d %q", i, got.Code, got.Body)
				}
			}
			if n, _ := r.asked(); n != 1 {
				t.Errorf("asked %d times", n)
			}
			if s := r.Stats(); s.Requests[Miss] != 1 || s.Requests[Collapsed] != 49 {
				t.Errorf("%v", s.Requests)
			}
		})
	}
}

// Those who wait get the body as it comes; a visitor who takes nothing holds nobody up, not even the first.
func TestThoseWhoWaitGetTheBodyAsItComes(t *testing.T) {
	t.Parallel()
	for _, config := range []func(*Config){nil, func(c *Config) { c.Disk, c.Memory = 10e6, 1e6 }} {
		synctest.Test(t, func(t *testing.T) {
			half := strings.Repeat("0123456789", 10_000)
			more, blocked := make(chan struct{}), make(chan struct{})
			r := newRig(t, config, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "max-age=60")
				w.Header().Set("Content-Length", itoa(2*len(half)))
				_, _ = io.WriteString(w, half)
				<-more
				_, _ = io.WriteString(w, half)
			})
			if config == nil {
				r.store.small = 1 << 20
			}
			slow := r.visit(blocked, "GET /")
			synctest.Wait()
			a, b := r.visit(nil, "GET /"), r.visit(nil, "GET /")
			synctest.Wait()
			if a.got() != half || b.got() != half {
				t.Errorf("%d and %d bytes before the end", len(a.got()), len(b.got()))
			}
			close(more)
			<-a.gone
			<-b.gone
			if a.got() != half+half || b.got() != half+half || slow.got() != "" {
				t.Error("not whole")
			}
			if r.ask("GET /").Body.Len() != 2*len(half) || r.result() != Hit {
				t.Errorf("not stored: %s", r.result())
			}
			close(blocked)
			<-slow.gone
			if slow.got() != half+half {
				t.Errorf("the slow one got %d bytes", len(slow.got()))
			}
			if n, _ := r.asked(); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestTheFirstVisitorMayGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		go1 := make(chan struct{})
		r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
			select {
			case <-go1:
			case <-q.Context().Done():
				panic(http.ErrAbortHandler)
			}
			answer(w, http.StatusOK, "body", "Cache-Control: max-age=60")
		})
		first := r.visit(nil, "GET /")
		synctest.Wait()
		second := r.visit(nil, "GET /")
		synctest.Wait()
		first.leave()
		<-first.gone
		close(go1)
		<-second.gone
		if n, _ := r.asked(); n != 1 || second.got() != "body" {
			t.Errorf("asked %d times, %q", n, second.got())
		}
	})
}

func TestWhenNobodyWaitsAnyMoreTheApplicationIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := make(chan struct{})
		r := newRig(t, nil, func(_ http.ResponseWriter, q *http.Request) {
			<-q.Context().Done()
			close(told)
			panic(http.ErrAbortHandler)
		})
		a := r.visit(nil, "GET /")
		b := r.visit(nil, "GET /")
		synctest.Wait()
		a.leave()
		synctest.Wait()
		select {
		case <-told:
			t.Error("told while somebody waits")
		default:
		}
		b.leave()
		<-told
		synctest.Wait()
		r.app = func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "later") }
		if got := r.ask("GET /"); got.Body.String() != "later" {
			t.Errorf("the next one: %d %q", got.Code, got.Body)
		}
	})
}

// An answer that is not for all lets those who wait go at once; for a while nobody waits, and then one tries again.
func TestNobodyWaitsForAnswersThatAreNotForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		go1, inside := make(chan struct{}), atomic.Int64{}
		says := "private"
		r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			inside.Add(1)
			<-go1
			answer(w, http.StatusOK, "mine", "Cache-Control: "+says)
		})
		wait := r.crowd(10, "GET /")
		synctest.Wait()
		if inside.Load() != 1 {
			t.Errorf("%d inside before it is known", inside.Load())
		}
		go1 <- struct{}{}
		synctest.Wait()
		if inside.Load() != 10 {
			t.Errorf("%d inside when it is known", inside.Load())
		}
		close(go1)
		wait()
		go1 = make(chan struct{})
		wait = r.crowd(10, "GET /")
		synctest.Wait()
		if inside.Load() != 20 {
			t.Errorf("%d inside: somebody waited", inside.Load()-10)
		}
		says = "max-age=60" // now it is for all
		close(go1)
		wait()
		r.ask("GET /")
		if r.result() != Hit {
			t.Errorf("it was not stored: %s", r.result())
		}
	})
}

func TestAWaitHasAnEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("X-First") == "" {
				answer(w, http.StatusOK, "alone")
				return
			}
			time.Sleep(time.Hour)
			answer(w, http.StatusOK, "late", "Cache-Control: max-age=60")
		})
		r.app = func(w http.ResponseWriter, _ *http.Request) {
			if n, _ := r.asked(); n > 1 {
				answer(w, http.StatusOK, "alone")
				return
			}
			time.Sleep(time.Hour)
			answer(w, http.StatusOK, "late", "Cache-Control: max-age=60")
		}
		first := r.visit(nil, "GET /")
		synctest.Wait()
		began := time.Now()
		if got := r.ask("GET /"); got.Body.String() != "alone" || time.Since(began) != 30*time.Second {
			t.Errorf("%q after %s", got.Body, time.Since(began))
		}
		<-first.gone
		if first.got() != "late" {
			t.Errorf("the first got %q", first.got())
		}
	})
}

// What breaks off is cut for everybody, and nobody finds it stored.
func TestAnAnswerThatBreaksOffIsNobodysPage(t *testing.T) {
	t.Parallel()
	for _, length := range []string{"10", ""} {
		for _, how := range []string{"panic", "short"} {
			if length == "" && how == "short" {
				continue // nobody could tell
			}
			synctest.Test(t, func(t *testing.T) {
				more := make(chan struct{})
				r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Cache-Control", "max-age=60")
					if length != "" {
						w.Header().Set("Content-Length", length)
					}
					_, _ = io.WriteString(w, "half")
					<-more
					if how == "panic" {
						panic(http.ErrAbortHandler)
					}
				})
				a := r.visit(nil, "GET /")
				synctest.Wait()
				b := r.visit(nil, "GET /")
				synctest.Wait()
				r.app = func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "whole") }
				close(more)
				<-a.gone
				<-b.gone
				if a.cut == nil {
					t.Error("the first took half for the whole")
				}
				if b.cut == nil && b.got() != "whole" {
					t.Errorf("the second got %q as a whole", b.got())
				}
				if got := r.ask("GET /"); got.Body.String() != "whole" {
					t.Errorf("stored: %q", got.Body)
				}
			})
		}
	}
}

// A body of unknown length that becomes too long to be kept is the first visitor's; the others ask themselves. Nothing is lost or doubled.
func TestABodyThatBecomesTooLongGoesOnForTheFirst(t *testing.T) {
	t.Parallel()
	for _, disk := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var want strings.Builder
			r := newRig(t, func(c *Config) {
				c.Memory, c.MaxObject = 1e6, 100_000
				if disk {
					c.Disk, c.MaxObject = 10e6, 300_000
				}
			}, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Cache-Control", "max-age=60")
				for i := range 5000 {
					line := fmt.Sprintf("%0100d\n", i)
					if _, err := io.WriteString(w, line); err != nil {
						t.Error(err)
					}
				}
			})
			for i := range 5000 {
				fmt.Fprintf(&want, "%0100d\n", i)
			}
			for i, got := range r.crowd(5, "GET /")() {
				if got.Body.String() != want.String() {
					t.Errorf("visitor %d got %d bytes of %d", i, got.Body.Len(), want.Len())
				}
			}
			if got := r.ask("GET /"); r.result() == Hit || got.Body.Len() != want.Len() {
				t.Errorf("stored: %s", r.result())
			}
			synctest.Wait()
			if s := r.Stats(); s.Inflight != 0 || s.Flights != 0 {
				t.Errorf("%d bytes, %d flights left", s.Inflight, s.Flights)
			}
		})
	}
}

// The first of an address does not know what tells the answers apart: those who want another one get it.
func TestThoseWhoWantAnotherAnswerGetIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		go1 := make(chan struct{})
		r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
			<-go1
			answer(w, http.StatusOK, "in "+q.Header.Get("Accept-Language"), "Cache-Control: max-age=60", "Vary: Accept-Language")
		})
		de, en := r.crowd(10, "GET /", "Accept-Language: de"), r.crowd(10, "GET /", "Accept-Language: en")
		synctest.Wait()
		if n, _ := r.asked(); n != 1 {
			t.Errorf("%d asked before it is known", n)
		}
		close(go1)
		for _, got := range de() {
			if got.Body.String() != "in de" {
				t.Errorf("%q", got.Body)
			}
		}
		for _, got := range en() {
			if got.Body.String() != "in en" {
				t.Errorf("%q", got.Body)
			}
		}
		if n, _ := r.asked(); n != 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestAHandlerThatSaysNothingOrPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil, func(http.ResponseWriter, *http.Request) {})
		if got := r.ask("GET /"); got.Code != http.StatusOK || got.Body.Len() != 0 {
			t.Errorf("%d %q", got.Code, got.Body)
		}
		r.app = func(http.ResponseWriter, *http.Request) { panic("a bug") }
		g := r.visit(nil, "GET /bug")
		<-g.gone
		if g.cut != "a bug" {
			t.Errorf("the panic became %v", g.cut)
		}
	})
}

// A cache that does not run passes everything.
func TestAStoppedCachePasses(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, "body", "Cache-Control: max-age=60")
	})
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := r.ask("GET /"); got.Body.String() != "body" || r.result() != Pass {
			t.Errorf("%q, %s", got.Body, r.result())
		}
	}
}
