package httpcache

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// RFC 5861 section 3: within its time a stale answer is given at once, and one visitor's request has it made fresh behind.
func TestStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			if n.Add(1) > 1 {
				time.Sleep(10 * time.Second)
			}
			answer(w, http.StatusOK, itoa(int(n.Load())), "Cache-Control: max-age=60, stale-while-revalidate=600")
		})
		r.ask("GET /")
		time.Sleep(2 * time.Minute)
		began := time.Now()
		for _, got := range r.crowd(10, "GET /")() {
			if got.Body.String() != "1" || r.result() != Stale {
				t.Errorf("%q, %s", got.Body, r.result())
			}
		}
		synctest.Wait()
		if time.Since(began) > 0 || n.Load() != 2 {
			t.Errorf("after %s, asked %d times", time.Since(began), n.Load())
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := r.ask("GET /"); got.Body.String() != "2" || r.result() != Hit {
			t.Errorf("then %q, %s", got.Body, r.result())
		}
	})
}

// Stop ends what goes on behind and waits for it.
func TestStopWaitsForWhatGoesOnBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n, over atomic.Int64
		r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
			if n.Add(1) > 1 {
				<-q.Context().Done()
				time.Sleep(time.Second)
				over.Add(1)
			}
			answer(w, http.StatusOK, "", "Cache-Control: max-age=60, stale-while-revalidate=600")
		})
		r.ask("GET /")
		time.Sleep(2 * time.Minute)
		r.ask("GET /")
		synctest.Wait()
		if err := r.Stop(context.Background()); err != nil || over.Load() != 1 {
			t.Errorf("%v, %d over", err, over.Load())
		}
	})
}

// RFC 5861 section 4: a stale answer is better than an error, if the answer or the configuration says so.
func TestStaleIfError(t *testing.T) {
	t.Parallel()
	f := func(want Result, says string, status int, config func(*Config)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			now := http.StatusOK
			r := newRig(t, config, func(w http.ResponseWriter, _ *http.Request) {
				if now == 0 {
					panic(http.ErrAbortHandler)
				}
				answer(w, now, http.StatusText(now), "Cache-Control: "+says)
			})
			r.ask("GET /")
			time.Sleep(2 * time.Minute)
			now = status
			g := r.visit(nil, "GET /")
			<-g.gone
			if (r.result() == Stale) != (want == Stale) {
				t.Errorf("%q, %d: %s; want %s", says, status, r.result(), want)
			}
			if want == Stale && (g.got() != "OK" || g.code != http.StatusOK || g.header.Get("Age") != "120") {
				t.Errorf("%q, %d: %d %q %v", says, status, g.code, g.got(), g.header)
			}
		})
	}
	for _, status := range []int{500, 502, 503, 504, 0} {
		f(Stale, "max-age=60, stale-if-error=600", status, nil)
		f(Expired, "max-age=60, stale-if-error=10", status, nil)
		f(Expired, "max-age=60", status, nil)
		f(Stale, "max-age=60", status, func(c *Config) { c.StaleIfError = 600e9 })
		f(Expired, "max-age=60, must-revalidate, stale-if-error=600", status, func(c *Config) { c.StaleIfError = 600e9 })
		f(Expired, "max-age=60, stale-if-error=0", status, func(c *Config) { c.StaleIfError = 600e9 })
	}
	f(Expired, "max-age=60, stale-if-error=600", 404, nil)
	f(Expired, "max-age=60, stale-if-error=600", 501, nil)
}

// An application that hangs is waited for once: the next visitors get the stale answer at once.
func TestAnApplicationThatHangsIsNotWaitedForAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hangs atomic.Bool
		r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			if hangs.Load() {
				time.Sleep(55 * time.Second)
				answer(w, http.StatusGatewayTimeout, "")
				return
			}
			answer(w, http.StatusOK, "body", "Cache-Control: max-age=60, stale-if-error=6000")
		})
		r.ask("GET /")
		time.Sleep(2 * time.Minute)
		hangs.Store(true)
		first := r.visit(nil, "GET /")
		synctest.Wait()
		began := time.Now()
		if got := r.ask("GET /"); got.Body.String() != "body" || time.Since(began) != 30*time.Second {
			t.Errorf("one who waits got %q after %s", got.Body, time.Since(began))
		}
		<-first.gone
		if first.got() != "body" || time.Since(began) != 55*time.Second {
			t.Errorf("the first got %q after %s", first.got(), time.Since(began))
		}
		began = time.Now()
		for range 3 {
			if got := r.ask("GET /"); got.Body.String() != "body" || time.Since(began) > 0 {
				t.Errorf("the next got %q after %s", got.Body, time.Since(began))
			}
		}
		hangs.Store(false)
		time.Sleep(time.Minute)
		r.ask("GET /")
		synctest.Wait()
		if r.ask("GET /"); r.result() != Hit {
			t.Errorf("when it is well again: %s", r.result())
		}
	})
}
