package edge

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/logging"
	"holdfast/internal/timing"
	"holdfast/internal/web"
)

// newPartTimes makes the metric of where the application's requests spend their time.
func newPartTimes() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "holdfast_edge_app_seconds",
		Help: "Time of requests that the application was asked, by route and part: queue (waiting for a server), app (from then until its " +
			"answer began), db (of app, in the database, where the application says so).",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60},
	}, []string{"route", "part"})
}

// clock notes where the time of a request went, if the application was asked.
func (t *witness) clock(ctx context.Context, l web.Line) {
	v := visitOf(ctx)
	if v == nil || !v.app || v.Trace.Server == "" && v.Trace.Queue == 0 {
		return
	}
	t.parts.WithLabelValues(l.Route, "queue").Observe(v.Trace.Queue.Seconds())
	t.parts.WithLabelValues(l.Route, "app").Observe(v.Trace.App.Seconds())
	if v.Trace.DB > 0 {
		t.parts.WithLabelValues(l.Route, "db").Observe(v.Trace.DB.Seconds())
	}
	t.times.Add(ctx, timing.Record{
		Time: time.Now(), ID: logging.RequestID(ctx), App: l.Route, Method: methodLabel(l.Method), Path: v.path, Status: l.Status,
		Server: v.Trace.Server, Queue: timing.Milliseconds(v.Trace.Queue), Asked: timing.Milliseconds(v.Trace.App), DB: timing.Milliseconds(v.Trace.DB),
		Total: timing.Milliseconds(l.Took),
	})
}

// Times says how long the routes of the applications take, and which requests were slow.
func (e *Edge) Times() timing.Report { return e.kept.times.Report() }
