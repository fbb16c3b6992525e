package metrics_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/metrics"
)

// scrape returns what the handler answers, and what it logged.
func scrape(t *testing.T, r *metrics.Registry) (body, log string) {
	t.Helper()
	var logged bytes.Buffer
	answer := httptest.NewRecorder()
	r.Handler(slog.New(slog.NewTextHandler(&logged, nil))).
		ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String(), logged.String()
}

func TestARegistryShowsItsBuildTheRuntimeAndWhatWasRegistered(t *testing.T) {
	t.Parallel()
	r := metrics.New("1.2.3")
	puts := prometheus.NewCounter(prometheus.CounterOpts{Name: "holdfast_puts_total", Help: "Objects stored."})
	r.MustRegister(puts)
	puts.Add(3)
	body, _ := scrape(t, r)
	for _, want := range []string{
		`holdfast_build_info{arch="`, `version="1.2.3"} 1`, "go_goroutines ", "process_resident_memory_bytes ",
		"holdfast_puts_total 3",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
}

func TestRegistriesAreIndependent(t *testing.T) {
	t.Parallel()
	for range 2 { // a shared registry would panic at the second registration
		metrics.New("v").MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "holdfast_x_total", Help: "x"}))
	}
}

// broken is a collector that fails.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, fmt.Errorf("the disk is gone"))
}

func TestACollectorThatFailsIsLoggedAndTheOthersAreServed(t *testing.T) {
	t.Parallel()
	r := metrics.New("v")
	r.MustRegister(broken{prometheus.NewDesc("holdfast_broken", "b", nil, nil)})
	body, log := scrape(t, r)
	if !strings.Contains(body, "holdfast_build_info") || !strings.Contains(log, "the disk is gone") {
		t.Errorf("served %d bytes, logged %q; want the other metrics and the cause", len(body), log)
	}
}

func TestABoundKeepsTheFirstValuesAndFoldsTheRest(t *testing.T) {
	t.Parallel()
	b := metrics.NewBound(2)
	f := func(v, want string) {
		t.Helper()
		if got := b.Value(v); got != want {
			t.Errorf("Value(%.20q) = %q; want %q", v, got, want)
		}
	}
	f(strings.Repeat("x", 129), metrics.Other)
	f("\xff", metrics.Other)
	f("a", "a")
	f("b", "b")
	f("c", metrics.Other)
	f("a", "a")
}

func TestABoundHoldsUnderConcurrentUse(t *testing.T) {
	t.Parallel()
	b := metrics.NewBound(5)
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			v := b.Value(fmt.Sprint(i))
			mu.Lock()
			defer mu.Unlock()
			seen[v] = true
		})
	}
	all.Wait()
	if len(seen) != 6 || !seen[metrics.Other] {
		t.Errorf("%d different values; want five and other", len(seen))
	}
}
