package edge

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/metrics"
	"holdfast/internal/timing"
	"holdfast/internal/web"
)

// witness is told of every answer, and tells the access log, the counters and who else wants to know.
type witness struct {
	next     web.Observer // may be nil
	access   *accessLog
	times    *timing.Book
	requests *prometheus.CounterVec
	parts    *prometheus.HistogramVec
}

func newWitness(next web.Observer, k *kept, r prometheus.Registerer) *witness {
	t := &witness{next: next, access: k.access, times: k.times, parts: newPartTimes(), requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_edge_requests_total", Help: "Requests to the edge, by route, method and status.",
	}, []string{"route", "method", "status"})}
	if r != nil {
		r.MustRegister(t.requests, t.parts)
	}
	return t
}

// Observe implements web.Observer for answers of which no more is known.
func (t *witness) Observe(route string, status int, bytes int64, took time.Duration) {
	if t.next != nil {
		t.next.Observe(route, status, bytes, took)
	}
}

// ObserveLine implements web.LineObserver.
func (t *witness) ObserveLine(ctx context.Context, l web.Line) {
	t.Observe(l.Route, l.Status, l.Bytes, l.Took)
	t.requests.WithLabelValues(l.Route, methodLabel(l.Method), statusLabel(l.Status)).Inc()
	t.access.write(ctx, l)
	t.clock(ctx, l)
}

// methodLabel keeps the methods that have a meaning (RFC 9110 section 9, RFC 5789), whatever strangers invent.
func methodLabel(m string) string {
	if slices.Contains([]string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	}, m) {
		return m
	}
	return metrics.Other
}

// statusLabel keeps the statuses that there can be: an application may answer with any three digits.
func statusLabel(status int) string {
	if http.StatusText(status) == "" && status != 499 {
		return metrics.Other
	}
	return strconv.Itoa(status)
}
