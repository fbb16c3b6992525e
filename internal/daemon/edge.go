package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast/internal/admin"
	"holdfast/internal/assets"
	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/demo"
	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/timing"
	"holdfast/internal/unit"
	"holdfast/internal/upstream"
)

// drainTime is how long a drain waits for requests under way, when nobody says how long.
const drainTime = time.Minute

// UpstreamRequest is an order about one of the application's servers.
type UpstreamRequest struct {
	Server  string        `json:"server"`
	Timeout unit.Duration `json:"timeout,omitempty"` // of drain; 0: a minute
}

// UpstreamAnswer says how the application's servers are.
type UpstreamAnswer struct {
	Waiting   int              `json:"waiting"` // requests that wait for a server
	Upstreams []UpstreamStatus `json:"upstreams"`
}

// UpstreamStatus says how a server is, and of which application.
type UpstreamStatus struct {
	App string `json:"app,omitempty"` // of edge.apps
	upstream.Status
}

func upstreamDown(server string) health.Condition {
	return health.Condition{
		Code: "upstream_down", Subject: server, Title: "A server of the application does not answer", Severity: health.Warning,
		Hint: "the others get its requests; see: holdfast edge upstream list", After: 2 * time.Second,
	}
}

// startEdge opens the front for visitors.
func (d *Daemon) startEdge(ctx context.Context) error {
	routes := d.files.Routes()
	maps.Copy(routes, d.contentRoutes())
	maps.Copy(routes, d.assetsRoutes())
	maps.Copy(routes, d.node.Routes())
	if d.opts.Demo {
		maps.Copy(routes, demo.Routes(demoFiles{d.files}, d.demoCourse()))
	}
	acme, err := d.authority(ctx)
	if err != nil {
		return err
	}
	options, err := d.pageCache(ctx, edge.Options{
		Config: d.cfg.Edge, Routes: routes, Lanes: d.lanes(), Loops: d.loops.lane, Naps: d.loops.naps, Vaults: d.vaults(),
		Key: []byte(d.cfg.Files.MasterKey.Reveal()), ACME: acme,
		Report:  func(server string, err error) { d.health.Report(upstreamDown(server), err) },
		Observe: d.meters.edge, Metrics: d.metrics, Log: d.log,
	})
	if err != nil {
		return err
	}
	if d.edge, err = edge.New(options); err != nil {
		return err
	}
	d.metrics.MustRegister(laneMeters(d.edge.LaneStats)...)
	if err := d.runDoor(ctx, "edge", d.edge); err != nil {
		return err
	}
	return d.watchCertificates(ctx)
}

// vaults are what the application may hand over by X-Accel-Redirect.
func (d *Daemon) vaults() map[string]edge.Vault {
	all := map[string]edge.Vault{edge.ToFiles: d.files}
	if d.assets != nil {
		all[edge.ToAssets] = assetVault{d.assets, strings.TrimSuffix(d.assets.Status().URL, "/")}
	}
	if d.content != nil {
		all[edge.ToContent] = contentVault{d.content, d.contentRoutes()}
	}
	return all
}

// assetVault sends assets.
type assetVault struct {
	assets *assets.Assets
	url    string // without its slash
}

// Send implements edge.Vault.
func (v assetVault) Send(w http.ResponseWriter, r *http.Request, name string) {
	out := *r
	out.URL = &url.URL{Path: v.url + "/" + name}
	v.assets.ServeHTTP(w, &out)
}

// contentVault sends files of content that their source shows to browsers, whoever has no address for them.
type contentVault struct {
	content *content.Content
	routes  map[string]http.Handler
}

// Send implements edge.Vault.
func (v contentVault) Send(w http.ResponseWriter, r *http.Request, name string) {
	source, rest, _ := strings.Cut(name, "/")
	revision, path, _ := strings.Cut(rest, "/")
	at, err := v.content.URL(r.Context(), content.URLRequest{Source: source, Revision: revision, Path: path})
	if err == nil && path == "" {
		err = fault.New(fault.NotFound, "not_found", "nothing here")
	}
	if err == nil {
		out := *r
		if out.URL, err = url.ParseRequestURI(at.Path); err == nil {
			for pattern, h := range v.routes {
				if prefix, ok := strings.CutPrefix(pattern, "GET "); ok && strings.HasPrefix(at.Path, prefix) {
					h.ServeHTTP(w, &out)
					return
				}
			}
		}
	}
	if fault.KindOf(err) != fault.Unavailable {
		err = fault.New(fault.NotFound, "not_found", "nothing here")
	}
	control.WriteError(w, err)
}

// edgeAPI is the edge's part of the control API; "holdfast edge" calls it.
func (d *Daemon) edgeAPI() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/edge/certs":            control.Handle(d.listCertificates),
		"POST /v1/edge/times":            control.Handle(d.edgeTimes),
		"POST /v1/edge/upstream/list":    control.Handle(d.listUpstreams),
		"POST /v1/edge/upstream/drain":   control.Handle(d.drainUpstream),
		"POST /v1/edge/upstream/undrain": control.Handle(d.undrainUpstream),
	}
}

// edgeTimes says where the time of the applications' requests goes.
func (d *Daemon) edgeTimes(context.Context, control.Empty) (timing.Report, error) {
	return d.edge.Times(), nil
}

func (d *Daemon) listUpstreams(context.Context, control.Empty) (UpstreamAnswer, error) {
	apps := d.edge.Applications()
	if len(apps) == 0 {
		_, err := d.edge.Upstreams()
		return UpstreamAnswer{}, err
	}
	var answer UpstreamAnswer
	for _, a := range apps {
		answer.Waiting += a.Servers.Waiting()
		for _, s := range a.Servers.Status() {
			answer.Upstreams = append(answer.Upstreams, UpstreamStatus{a.Name, s})
		}
	}
	return answer, nil
}

func (d *Daemon) drainUpstream(ctx context.Context, r UpstreamRequest) (UpstreamAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout.D(), drainTime))
	defer cancel()
	return d.orderUpstream(func(p *upstream.Pool) error { return p.Drain(ctx, r.Server) })
}

func (d *Daemon) undrainUpstream(_ context.Context, r UpstreamRequest) (UpstreamAnswer, error) {
	return d.orderUpstream(func(p *upstream.Pool) error { return p.Undrain(r.Server) })
}

// orderUpstream carries out an order about a server in all applications that have it.
func (d *Daemon) orderUpstream(order func(*upstream.Pool) error) (UpstreamAnswer, error) {
	var missing, failed error
	found := false
	for _, a := range d.edge.Applications() {
		err := order(a.Servers)
		if fault.KindOf(err) == fault.NotFound {
			missing = err
			continue
		}
		found, failed = true, errors.Join(failed, err)
	}
	answer, err := d.listUpstreams(context.Background(), control.Empty{})
	switch {
	case err != nil:
		return answer, err
	case !found:
		return answer, missing
	}
	return answer, failed
}

func (d *Daemon) edgeStatus(context.Context) admin.Status {
	s := admin.Status{
		State: admin.OK, Summary: "visitors at " + d.edge.URL(),
		Facts: admin.Facts{{Name: "url", Value: d.edge.URL()}, {Name: "hosts", Value: d.config().Edge.Hosts}},
	}
	s.Facts = append(s.Facts, d.pageFacts()...)
	list, err := d.listUpstreams(context.Background(), control.Empty{})
	if err != nil {
		return s
	}
	all, up := list.Upstreams, 0
	for _, u := range all {
		if u.State == "up" || u.State == "slow_start" {
			up++
		}
	}
	s.Facts = append(s.Facts, admin.Fact{Name: "upstreams", Value: len(all)}, admin.Fact{Name: "upstreams_up", Value: up},
		admin.Fact{Name: "waiting", Value: list.Waiting})
	switch {
	case up == 0:
		s.State, s.Summary = admin.Error, "the application does not answer"
	case up < len(all):
		s.State, s.Summary = admin.Warning, fmt.Sprintf("%d of %d servers of the application answer", up, len(all))
	}
	return s
}
