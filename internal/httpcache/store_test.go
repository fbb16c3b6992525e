package httpcache

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is on disk survives a restart: small and large answers, the selectors of an address, tags, ages, bytes that are no UTF-8.
func TestWhatIsStoredSurvivesARestart(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 200_000)
	synctest.Test(t, func(t *testing.T) {
		config := DefaultConfig()
		config.Enabled, config.Disk, config.DiskFree = true, 50e6, 0
		dir := t.TempDir()
		r := &rig{t: t, app: func(w http.ResponseWriter, q *http.Request) {
			body := "in " + q.Header.Get("Accept-Language")
			if q.URL.Path == "/large" {
				body = large
			}
			answer(w, http.StatusOK, body, "Cache-Control: max-age=600", "Vary: Accept-Language", "Cache-Tag: tag", "X-Bytes: \xe9\xff", `ETag: "a"`)
		}}
		r.open(config, dir)
		for _, q := range []string{"GET /?q=\xe9", "GET /large"} {
			r.ask(q, "Accept-Language: de")
			r.ask(q, "Accept-Language: en")
		}
		r.close()
		time.Sleep(time.Minute)
		r.open(config, dir)
		for _, lang := range []string{"de", "en"} {
			got := r.ask("GET /?q=\xe9", "Accept-Language: "+lang)
			if got.Body.String() != "in "+lang || r.result() != Hit || got.Header().Get("Age") != "60" || got.Header().Get("X-Bytes") != "\xe9\xff" {
				t.Errorf("%q, %s, %v", got.Body, r.result(), got.Header())
			}
			for _, fields := range [][]string{{"Accept-Language: " + lang}, {"Accept-Language: " + lang, "Range: bytes=1999998-"}} {
				got = r.ask("GET /large", fields...)
				if r.result() != Hit || !strings.HasSuffix(large, got.Body.String()) || got.Body.Len() < 2 {
					t.Errorf("large: %d, %d bytes, %s", got.Code, got.Body.Len(), r.result())
				}
			}
		}
		if got := r.ask("GET /large", "Accept-Language: de", `If-None-Match: "a"`); got.Code != http.StatusNotModified {
			t.Errorf("a condition: %d", got.Code)
		}
		if n, err := r.Purge(Purge{Tag: "tag"}); n != 4 || err != nil {
			t.Errorf("removed %d, %v", n, err)
		}
		if n, _ := r.asked(); n != 4 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.Memory = 1e6 }, func(w http.ResponseWriter, q *http.Request) {
		n := len(q.URL.Query().Get("n")) * 1000
		answer(w, http.StatusOK, string(bytes.Repeat([]byte("x"), n)), "Cache-Control: max-age=600")
	})
	for i := range 500 {
		r.ask("GET /" + itoa(i) + "?n=" + strings.Repeat("1", i%60))
		if s := r.Stats(); s.Memory.Bytes > 1e6 || s.Inflight > 1e6 {
			t.Fatalf("%+v", s)
		}
	}
	r.ask("GET /large?n=" + strings.Repeat("1", 70)) // more than a sixteenth
	r.ask("GET /large?n=" + strings.Repeat("1", 70))
	if r.result() == Hit {
		t.Error("an answer that is too large was stored")
	}
	if s := r.Stats(); s.Memory.Evictions == 0 {
		t.Errorf("%+v", s.Memory)
	}
}

// Bodies in flight have a bound together: beyond it answers are passed, and nobody is refused.
func TestWhatIsInFlightIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		go1 := make(chan struct{})
		body := strings.Repeat("x", 50_000)
		r := newRig(t, func(c *Config) { c.Memory = 1e6 }, func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Query().Get("n") == "" {
				w.Header().Set("Content-Length", itoa(len(body)))
			}
			w.Header().Set("Cache-Control", "max-age=60")
			_, _ = w.Write([]byte(body[:25_000]))
			<-go1
			_, _ = w.Write([]byte(body[25_000:]))
		})
		var waits []*guest
		for i := range 60 {
			waits = append(waits, r.visit(nil, "GET /"+itoa(i)+[]string{"", "?n=1"}[i%2]))
		}
		synctest.Wait()
		if n := r.Stats().Inflight; n > 1e6 || n < 5e5 {
			t.Errorf("%d bytes in flight", n)
		}
		close(go1)
		for i, g := range waits {
			<-g.gone
			if g.got() != body {
				t.Errorf("visitor %d got %d bytes", i, len(g.got()))
			}
		}
		synctest.Wait()
		if s := r.Stats(); s.Inflight != 0 || s.Flights != 0 || len(r.flights) != 0 {
			t.Errorf("%d bytes, %d flights left", s.Inflight, s.Flights)
		}
	})
}

// The kinds of selectors of one address come together: no answer is lost for long, none is given to whom it is not for.
func TestAnswersOfOneAddressThatVaryDifferently(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
		fields := []string{"Cache-Control: max-age=60"}
		if q.Header.Get("Hx-Request") != "" {
			fields = append(fields, "Vary: Hx-Request, Accept-Language")
		}
		answer(w, http.StatusOK, q.Header.Get("Hx-Request")+q.Header.Get("Accept-Language"), fields...)
	})
	kinds := [][]string{{"Hx-Request: part", "Accept-Language: de"}, {"Hx-Request: part", "Accept-Language: en"}, {"Accept-Language: de"}, {"Accept-Language: en"}}
	for range 3 {
		for _, fields := range kinds {
			r.ask("GET /", fields...)
		}
	}
	for i, want := range []string{"partde", "parten", "de", "en"} {
		if got := r.ask("GET /", kinds[i]...); r.result() != Hit || got.Body.String() != want {
			t.Errorf("%q: %s, %q", kinds[i], r.result(), got.Body)
		}
	}
}

func TestSettingsChangeWhileItRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "body") })
	r.ask("GET /")
	config := DefaultConfig()
	config.Rules = []Rule{{Path: "/", TTL: 60e9}, {Path: "/never", Bypass: true}}
	r.Configure(config)
	r.ask("GET /")
	r.ask("GET /")
	if r.result() != Hit {
		t.Errorf("with a time: %s", r.result())
	}
	r.ask("GET /never")
	if r.ask("GET /never"); r.result() != Pass {
		t.Errorf("bypassed: %s", r.result())
	}
	got := r.Stats().Rules
	if len(got) != 2 || got[1] != (RuleStats{"/", 1, 2, 0}) || got[0] != (RuleStats{"/never", 0, 0, 2}) {
		t.Errorf("%+v", got)
	}
}

// fileTaker is a connection that can send files.
type fileTaker struct {
	*httptest.ResponseRecorder
	files int
}

func (f *fileTaker) ReadFrom(src io.Reader) (int64, error) {
	if limited, ok := src.(*io.LimitedReader); ok {
		if _, ok := limited.R.(*os.File); ok {
			f.files++
		}
	}
	return io.Copy(f.ResponseRecorder, src)
}

// A large answer on disk goes from file to connection without passing through memory, as a whole and in part.
func TestALargeAnswerIsSentAsAFile(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789", 300_000)
	r := newRig(t, func(c *Config) { c.Disk = 20e6 }, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, large, "Cache-Control: max-age=60", "Content-Type: text/plain", "Content-Length: 3000000")
	})
	r.ask("GET /")
	for _, fields := range [][]string{nil, {"Range: bytes=5-2000004"}} {
		w := &fileTaker{ResponseRecorder: httptest.NewRecorder()}
		r.ServeHTTP(w, request("GET /", fields...))
		if w.files != 1 || r.result() != Hit || !strings.Contains(large, w.Body.String()) || w.Body.Len() < 2_000_000 {
			t.Errorf("%q: %d files, %s, %d bytes", fields, w.files, r.result(), w.Body.Len())
		}
	}
}
