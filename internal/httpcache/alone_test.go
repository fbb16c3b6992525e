package httpcache

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// While nobody waits for an address, an answer that is for all after all is stored while it is sent: whole or not at all.
func TestAnAnswerIsStoredWhileItIsSentToOneWhoIsAlone(t *testing.T) {
	t.Parallel()
	f := func(name string, want Result, app http.HandlerFunc) {
		t.Helper()
		r := newRig(t, func(c *Config) { c.Memory, c.MaxObject = 1e6, 10_000 }, func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, "mine", "Cache-Control: private")
		})
		r.ask("GET /")
		r.app = app
		g := r.visit(nil, "GET /")
		<-g.gone
		if want == Hit && g.got() != "for all" {
			t.Errorf("%s: %q", name, g.got())
		}
		r.app = func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "for all") }
		got := r.ask("GET /")
		if r.result() != want || got.Body.String() != "for all" {
			t.Errorf("%s: then %s, %q", name, r.result(), got.Body)
		}
		lifecycletest.Eventually(t, 10*time.Second, func() error {
			if n := r.Stats().Inflight; n != 0 {
				return fmt.Errorf("%s: %d bytes in flight", name, n)
			}
			return nil
		})
	}
	says := func(w http.ResponseWriter) { w.Header().Set("Cache-Control", "max-age=60") }
	f("whole", Hit, func(w http.ResponseWriter, _ *http.Request) { says(w); _, _ = io.WriteString(w, "for all") })
	f("broken off", Miss, func(w http.ResponseWriter, _ *http.Request) {
		says(w)
		_, _ = io.WriteString(w, "for")
		panic(http.ErrAbortHandler)
	})
	f("too long", Miss, func(w http.ResponseWriter, _ *http.Request) {
		says(w)
		for range 20 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		}
	})
	f("a bug", Miss, func(http.ResponseWriter, *http.Request) { panic("a bug") })
}
