package daemon

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/fault"
	"holdfast/internal/metrics"
)

// meters are the numbers that daemon collects for parts that do not know Prometheus.
type meters struct {
	store *storeMeter
	edge  *httpMeter
	s3    *s3Meter
}

func newMeters(r *metrics.Registry) *meters {
	m := &meters{store: newStoreMeter(), edge: newHTTPMeter(), s3: newS3Meter()}
	r.MustRegister(m.store.took, m.store.bytes, m.edge.took, m.edge.bytes, m.s3.took, m.s3.bytes)
	return m
}

// requestBuckets reach from a hit in memory to an upload over a slow line, in seconds.
func requestBuckets() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}
}

// storeMeter is a blob.Observer.
type storeMeter struct {
	took  *prometheus.HistogramVec
	bytes *prometheus.CounterVec
}

func newStoreMeter() *storeMeter {
	return &storeMeter{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_store_seconds", Help: "Time of operations on the store, by operation and result.",
			Buckets: requestBuckets(),
		}, []string{"op", "result"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_store_bytes_total", Help: "Content moved by operations on the store.",
		}, []string{"op"}),
	}
}

// Observe counts one operation; its result is "ok" or the kind of its error.
func (m *storeMeter) Observe(op string, took time.Duration, bytes int64, err error) {
	result := "ok"
	if err != nil {
		result = fault.KindOf(err).String()
	}
	m.took.WithLabelValues(op, result).Observe(took.Seconds())
	m.bytes.WithLabelValues(op).Add(float64(bytes))
}

// httpMeter is a web.Observer. Routes are patterns of the mux, so their number is that of the routes in the code.
type httpMeter struct {
	took  *prometheus.HistogramVec
	bytes *prometheus.CounterVec
	known sync.Map // httpLabels → *httpSeries: finding them through both Vecs for each request would cost half a microsecond
}

type httpLabels struct {
	route  string
	status int
}

type httpSeries struct {
	took  prometheus.Observer
	bytes prometheus.Counter
}

func newHTTPMeter() *httpMeter {
	return &httpMeter{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_edge_request_seconds", Help: "Time of requests to the edge, by route and status.",
			Buckets: requestBuckets(),
		}, []string{"route", "status"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_edge_sent_bytes_total", Help: "Bytes of bodies sent by the edge, by route.",
		}, []string{"route"}),
	}
}

// Observe counts one request.
func (m *httpMeter) Observe(route string, status int, bytes int64, took time.Duration) {
	s := m.series(httpLabels{route, status})
	s.took.Observe(took.Seconds())
	s.bytes.Add(float64(bytes))
}

func (m *httpMeter) series(l httpLabels) *httpSeries {
	if s, ok := m.known.Load(l); ok {
		return s.(*httpSeries) //nolint:forcetypeassert // nothing else is stored
	}
	s := &httpSeries{m.took.WithLabelValues(l.route, strconv.Itoa(l.status)), m.bytes.WithLabelValues(l.route)}
	m.known.Store(l, s)
	return s
}

// s3Meter is an s3api.Meter. Operations are the names in S3's documentation, of which there are few dozen.
type s3Meter struct {
	took  *prometheus.HistogramVec
	bytes *prometheus.CounterVec
}

func newS3Meter() *s3Meter {
	return &s3Meter{
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_s3_request_seconds", Help: "Time of requests to the S3 endpoint, by operation and status.",
			Buckets: requestBuckets(),
		}, []string{"op", "status"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_s3_bytes_total", Help: "Bytes of bodies at the S3 endpoint, by operation and direction.",
		}, []string{"op", "direction"}),
	}
}

// Request counts one request.
func (m *s3Meter) Request(operation string, status int, received, sent int64, took time.Duration) {
	m.took.WithLabelValues(operation, strconv.Itoa(status)).Observe(took.Seconds())
	m.bytes.WithLabelValues(operation, "in").Add(float64(received))
	m.bytes.WithLabelValues(operation, "out").Add(float64(sent))
}
