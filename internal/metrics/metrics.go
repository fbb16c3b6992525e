// Package metrics is the registry of numbers that this process shows to Prometheus, and the guard that keeps what
// strangers send from multiplying them.
//
// There is no global registry: daemon makes one with [New], hands it to the parts as a prometheus.Registerer, and serves
// [Registry.Handler]. Names begin with "holdfast_", end in their unit (_seconds, _bytes, _total), and are documented in
// docs/metrics.md. Label values come from a fixed set in the source; where they come from a request or from the
// application (bucket, host, user agent), they pass through a [Bound] first.
package metrics

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Limits of the handler: a scraper that hangs or many at once must not cost the visitors anything.
const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

// Registry holds the collectors of one process. It is a prometheus.Registerer and a prometheus.Gatherer.
type Registry struct {
	*prometheus.Registry
	described described
}

// New returns a registry with the build's version and the numbers of the Go runtime and of the process.
func New(version string) *Registry {
	r := &Registry{Registry: prometheus.NewRegistry()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "holdfast_build_info",
		Help: "Always 1; its labels say what was built.",
		ConstLabels: prometheus.Labels{
			"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		},
	})
	build.Set(1)
	r.MustRegister(
		build,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// Handler serves the numbers in the formats that Prometheus understands. A collector that fails is logged and left
// out, and the others are served.
func (r *Registry) Handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r.Registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
		EnableOpenMetrics:   true,
	})
}
