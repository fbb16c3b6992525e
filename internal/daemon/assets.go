package daemon

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"

	"holdfast/internal/admin"
	"holdfast/internal/assets"
	"holdfast/internal/config"
	"holdfast/internal/health"
	"holdfast/internal/lane"
)

func assetsTrouble(work string) health.Condition {
	c := health.Condition{
		Code: "assets_build", Subject: work, Title: "The assets cannot be built", Severity: health.Warning,
		Hint: "those of the last build are served; see the reason with: holdfast assets build",
	}
	if work == assets.WorkShare {
		c.Code, c.Title = "assets_share", "Assets are not exchanged with other nodes"
		c.Hint = "what this node has is served; it is tried again by itself"
		c.CausedBy = []string{databaseDown().Code, storeDown().Code}
	}
	return c
}

// startAssets builds the assets and has them ready to be served.
func (d *Daemon) startAssets(ctx context.Context) error {
	if d.cfg.Static.Root == "" {
		return nil
	}
	migrations, err := fs.Sub(assets.Migrations, "migrations")
	if err != nil {
		return err
	}
	if err := d.db.Migrate(ctx, "assets", migrations); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	d.assets, err = assets.New(assets.Options{
		Config: d.cfg.Static, Origins: assetOrigins(d.cfg), DB: d.db, Store: d.store, Share: sharesAssets(d.cfg),
		Metrics: d.metrics, Log: d.log.With("part", "assets"),
		Report: func(work string, err error) { d.health.Report(assetsTrouble(work), err) },
	})
	if err != nil {
		return err
	}
	return d.run(ctx, "assets", d.assets)
}

// sharesAssets reports whether other nodes serve what is built here. Files in S3 are the sign of several nodes.
func sharesAssets(c *config.Config) bool {
	return c.Static.Share == assets.ShareAlways || c.Static.Share == assets.ShareAuto && c.Storage.S3.Enabled
}

// assetOrigins are the origins of which pages are known to use assets (S0-40, C-26): the site's own, for assets that a CDN
// serves under another host; that of stored files, and of the S3 service that keeps them, for stored HTML. A stored page
// that may load resources is shown in a sandbox, where its origin is "null".
func assetOrigins(c *config.Config) []string {
	var out []string
	for _, host := range c.Edge.Hosts {
		out = append(out, "https://"+host)
	}
	addresses := []string{c.Files.PublicURL}
	if c.Storage.S3.Enabled {
		addresses = append(addresses, c.Storage.S3.EndpointURL)
	}
	for _, address := range addresses {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	for _, b := range c.Files.Buckets {
		if len(b.Resources) > 0 {
			return append(out, "null")
		}
	}
	return out
}

// assetsRoutes are the routes of the assets on the edge.
func (d *Daemon) assetsRoutes() map[string]http.Handler {
	if d.assets == nil {
		return nil
	}
	return d.assets.Routes()
}

// lanes are the routes of the edge that event loops answer.
func (d *Daemon) lanes() map[string]lane.Handler {
	out := map[string]lane.Handler{}
	maps.Copy(out, d.files.Lanes())
	if d.assets != nil {
		maps.Copy(out, d.assets.Lanes())
	}
	return out
}

// assetsAPI are the routes of the assets for administrators, and on the control socket.
func (d *Daemon) assetsAPI() map[string]http.Handler {
	if d.assets == nil {
		return nil
	}
	return d.assets.APIRoutes()
}

func (d *Daemon) assetsStatus(context.Context) admin.Status {
	if d.assets == nil {
		return admin.Status{State: admin.OK, Summary: "static.root is not set"}
	}
	s := d.assets.Status()
	report := admin.Status{
		State: admin.OK, Summary: count(int64(s.Assets), "asset") + " at " + s.URL,
		Facts: admin.Facts{
			{Name: "url", Value: s.URL},
			{Name: "root", Value: d.config().Static.Root},
			{Name: "output", Value: d.cfg.Static.Output},
			{Name: "assets", Value: s.Assets},
			{Name: "published", Value: s.Published},
			{Name: "former_names", Value: s.Retired},
			{Name: "memory_bytes", Value: s.Memory},
			{Name: "shared", Value: s.Sharing},
			{Name: "notes", Value: len(s.Notes)},
		},
	}
	switch {
	case len(s.Damaged) > 0:
		report.State, report.Summary = admin.Warning, count(int64(len(s.Damaged)), "asset")+" damaged: build again"
	case s.Problem != "":
		report.State, report.Summary = admin.Warning, "the last build failed; the one before is served"
		report.Facts = append(report.Facts, admin.Fact{Name: "problem", Value: s.Problem})
	}
	return report
}
