package httpcache

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// What becomes of the second of two requests.
const (
	stored    = "stored"    // answered without asking
	asks      = "asks"      // the application is asked for all of it
	validates = "validates" // the application is asked whether it is the same
)

// scene is a first request, its answer, a while, and a second request.
type scene struct {
	name          string // after the cases of the public collection cache-tests
	answer        []string
	wait          time.Duration
	want          string
	status        int // of the answer; default 200
	first, second []string
	method        string // of the second request
	config        func(*Config)
}

func heuristics(c *Config)      { c.Heuristics = true }
func clientSays(c *Config)      { c.ClientDirectives = true }
func minutes(c *Config)         { c.Rules = []Rule{{Path: "/", TTL: 60e9}} }
func with(a ...string) []string { return a }

const hour, minute = time.Hour, time.Minute

// play runs a scene in fake time, with a lane or without.
func (s scene) play(t *testing.T, inLane bool) {
	synctest.Test(t, func(t *testing.T) {
		if s.status == 0 {
			s.status = http.StatusOK
		}
		if s.method == "" {
			s.method = http.MethodGet
		}
		etag := ""
		r := newRig(t, s.config, nil)
		r.lane = inLane
		r.app = func(w http.ResponseWriter, q *http.Request) {
			if etag != "" && q.Header.Get("If-None-Match") == etag || q.Header.Get("If-Modified-Since") != "" {
				answer(w, http.StatusNotModified, "", s.answer...)
				return
			}
			answer(w, s.status, "body", s.answer...)
		}
		for _, f := range s.answer {
			if len(f) > 6 && f[:6] == "ETag: " {
				etag = f[6:]
			}
		}
		first := r.ask("GET /", s.first...)
		before, _ := r.asked()
		time.Sleep(s.wait)
		second := r.ask(s.method+" /", s.second...)
		synctest.Wait()
		after, last := r.asked()
		got := stored
		if after > before {
			got = asks
			if last.Header.Get("If-None-Match") != "" || last.Header.Get("If-Modified-Since") != "" {
				got = validates
			}
		}
		if got != s.want {
			t.Errorf("%s; want %s\n%v", got, s.want, second.Result().Header)
		}
		if s.method == http.MethodGet && second.Code == first.Code && second.Body.String() != first.Body.String() {
			t.Errorf("the second answer is %q", second.Body)
		}
	})
}

// RFC 9111 case by case (issue 5, S3-16, S3-20). Names are those of the public collection cache-tests where it has the case.
func TestRFC9111(t *testing.T) {
	t.Parallel()
	for _, part := range [][]scene{
		freshness(), responses(), requests(), ages(), varying(), statuses(), others(), targeted(), staleness(), heuristic(),
	} {
		for _, s := range part {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.play(t, false)
				s.play(t, true)
			})
		}
	}
}
