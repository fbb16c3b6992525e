package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/certs"
	"holdfast/internal/control"
	"holdfast/internal/edge"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
)

// certificatesEvery is how often it is looked at when certificates end.
const certificatesEvery = 10 * time.Second

// CertificatesAnswer says how the certificates of the edge are.
type CertificatesAnswer struct {
	Certificates []edge.CertificateStatus `json:"certificates"`
}

func certificateMissing(host string) health.Condition {
	return health.Condition{
		Code: "certificate_missing", Subject: host, Title: "A host has no certificate", Severity: health.Error,
		Hint: "visitors of the host are refused until there is one; see: holdfast edge certs", After: time.Minute,
	}
}

func certificateNotRenewed(host string) health.Condition {
	return health.Condition{
		Code: "certificate_not_renewed", Subject: host, Title: "A certificate could not be renewed", Severity: health.Warning,
		Hint: "the old one is served while it lasts; see: holdfast edge certs",
	}
}

func certificateExpires(name string, severity health.Severity) health.Condition {
	return health.Condition{
		Code: "certificate_expires", Subject: name, Title: "A certificate ends soon", Severity: severity,
		Hint: "renew the files, they are read again when they change; what comes by ACME says in \"holdfast edge certs\" why it was not renewed",
	}
}

// authority makes what gets certificates by ACME, or nil where that is switched off.
func (d *Daemon) authority(ctx context.Context) (*certs.Manager, error) {
	c := d.cfg.Edge
	if !c.ACME.Enabled {
		return nil, nil
	}
	migrations, err := fs.Sub(certs.Migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := d.db.Migrate(ctx, "certs", migrations); err != nil {
		return nil, fmt.Errorf("make the tables of certificates: %w", err)
	}
	return certs.New(certs.Options{
		Config: c.ACME, Hosts: c.ACMEHosts(d.log), DB: d.db, Key: d.cfg.Files.MasterKey, HTTP: c.HasPlain(),
		Report: d.reportCertificate, Log: d.log,
	})
}

// reportCertificate keeps the findings about what comes by ACME up to date.
func (d *Daemon) reportCertificate(s certs.Status, err error) {
	missing, late := error(nil), error(nil)
	if s.NotAfter.IsZero() || time.Now().After(s.NotAfter) {
		missing = err
	} else {
		late = err
	}
	d.health.Report(certificateMissing(s.Host), missing)
	d.health.Report(certificateNotRenewed(s.Host), late)
}

// certificateWatch looks when certificates end.
type certificateWatch struct {
	edge   *edge.Edge
	health *health.Registry
	ends   *prometheus.GaugeVec

	mu    sync.Mutex // protects the following
	known map[string]bool
}

// watchCertificates keeps findings and metrics about certificates up to date.
func (d *Daemon) watchCertificates(ctx context.Context) error {
	w := &certificateWatch{edge: d.edge, health: d.health, known: map[string]bool{}, ends: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "holdfast_edge_certificate_not_after_seconds", Help: "When a certificate of the edge ends, in seconds since 1970.",
	}, []string{"name", "source"})}
	d.metrics.MustRegister(w.ends)
	return d.run(ctx, "certificate check", lifecycle.NewLoop(certificatesEvery, w.look, func(error) {}))
}

func (w *certificateWatch) look(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]bool{}
	w.ends.Reset()
	for _, c := range w.edge.Certificates() {
		if c.NotAfter.IsZero() {
			continue
		}
		name := cmp.Or(strings.Join(c.Names, " "), c.File)
		seen[name] = true
		w.ends.WithLabelValues(name, c.Source).Set(float64(c.NotAfter.Unix()))
		if severity := urgency(c.NotBefore, c.NotAfter, time.Now()); severity != health.None {
			w.health.Set(certificateExpires(name, severity), "it ends "+inWords(time.Until(c.NotAfter)))
		} else {
			w.health.Clear(certificateExpires(name, severity))
		}
	}
	for name := range w.known {
		if !seen[name] {
			w.health.Clear(certificateExpires(name, health.None))
		}
	}
	w.known = seen
	return nil
}

// urgency returns how bad it is that a certificate ends: a warning 14 days before, an error 3 days before. One that lives for less
// than three months is always near its end: there a sixth and a twentieth of its life count.
func urgency(from, until, now time.Time) health.Severity {
	const day = 24 * time.Hour
	life := until.Sub(from)
	switch left := until.Sub(now); {
	case left <= min(3*day, life/20):
		return health.Error
	case left <= min(14*day, life/6):
		return health.Warning
	}
	return health.None
}

// inWords says when something is that is so far away.
func inWords(d time.Duration) string {
	switch {
	case d <= 0:
		return "now: it is over"
	case d < 48*time.Hour:
		return "in " + d.Round(time.Minute).String()
	}
	return fmt.Sprintf("in %d days", int(d/(24*time.Hour)))
}

func (d *Daemon) listCertificates(context.Context, control.Empty) (CertificatesAnswer, error) {
	all := append([]edge.CertificateStatus{}, d.edge.Certificates()...) // a list in JSON, without any, too
	slices.SortStableFunc(all, func(a, b edge.CertificateStatus) int { return a.NotAfter.Compare(b.NotAfter) })
	return CertificatesAnswer{all}, nil
}
