package daemon

import (
	"context"
	"maps"
	"strings"

	"holdfast/internal/admin"
	"holdfast/internal/blob"
	"holdfast/internal/edge"
	"holdfast/internal/files"
	"holdfast/internal/objects"
	"holdfast/internal/postgres"
	"holdfast/internal/s3api"
)

// startIndex starts the index of stored files over the database and the store.
func (d *Daemon) startIndex(ctx context.Context) error {
	f := d.cfg.Files
	sole := postgres.NewSole(d.db, d.log.With("part", "objects"))
	if err := d.run(ctx, "sole", sole); err != nil {
		return err
	}
	blobs, err := blob.KeepSmall(d.store, smallBlobs)
	if err != nil {
		return err
	}
	d.index = objects.New(objects.Options{
		Config: objects.Config{
			LinkMaxTTL:        f.LongestLink(),
			TrashKeep:         max(f.TrashKeep.D(), 1), // none, as "0" says; to the index that would mean its default
			AbortUploadsAfter: f.AbortUploadsAfter.D(),
		},
		DB: d.db, Blobs: blobs, MasterKey: f.MasterKey, Sole: sole, Log: d.log.With("part", "objects"),
	})
	return d.run(ctx, "index", d.index)
}

// startFiles starts links, public buckets, upload slots and their API.
func (d *Daemon) startFiles(ctx context.Context) error {
	var err error
	d.files, err = files.New(files.Options{
		Config: d.cfg.Files, Index: d.index, Store: d.store, StoreKind: d.storeKind(),
		Database: d.db, Schema: d.cfg.Database.Schema, MediaURL: d.cfg.Media.URL,
		BaseURL: d.edgeURL, Frames: d.frames(), Metrics: d.metrics, Log: d.log.With("part", "files"),
	})
	if err != nil {
		return err
	}
	return d.run(ctx, "files", d.files)
}

// frames are the hosts whose pages may show files in frames, where X-Frame-Options would let the files' own host alone.
func (d *Daemon) frames() []string {
	e := d.cfg.Edge
	if e.Headers.FrameOptions != edge.DefaultConfig().Headers.FrameOptions || e.FilesHost == "" && len(e.Hosts) < 2 {
		return nil
	}
	return e.Hosts
}

// edgeURL is where visitors are, for links while no public address is set: known once the edge listens.
func (d *Daemon) edgeURL() string {
	if d.edge == nil || strings.HasPrefix(d.cfg.Edge.Listen, "unix:") {
		return "" // links without a host, for the proxy in front
	}
	return d.edge.URL()
}

func (d *Daemon) storeKind() string {
	if d.cfg.Storage.S3.Enabled {
		return "s3"
	}
	return "disk"
}

// startS3 opens the endpoint that applications speak S3 to.
func (d *Daemon) startS3(ctx context.Context) error {
	d.s3 = s3api.New(d.cfg.S3, d.index, d.log.With("listener", "s3"), d.meters.s3)
	return d.runDoor(ctx, "s3", d.s3)
}

// startAdmin opens the control socket and the admin listener.
func (d *Daemon) startAdmin(ctx context.Context) error {
	routes := d.files.APIRoutes()
	maps.Copy(routes, d.poolRoutes())
	maps.Copy(routes, d.contentAPI())
	maps.Copy(routes, d.assetsAPI())
	maps.Copy(routes, d.cacheAPI())
	maps.Copy(routes, d.edgeAPI())
	maps.Copy(routes, d.pageCacheAPI())
	maps.Copy(routes, profileRoutes())
	control := d.files.ControlRoutes()
	maps.Copy(control, d.reloadRoutes())
	maps.Copy(control, d.node.APIRoutes())
	d.admin = admin.New(admin.Options{
		Config: d.cfg.Admin, Socket: d.cfg.Socket(), Version: d.opts.Version,
		Sections: d.sections(), Routes: routes, ControlRoutes: control, OpenRoutes: d.node.Routes(),
		Health: d.health, Metrics: d.metrics.Handler(d.log), Logs: d.logs, Shutdown: d.Shutdown, Log: d.log,
	})
	return d.run(ctx, "admin", d.admin)
}
