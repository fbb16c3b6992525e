package daemon

import (
	"context"
	"fmt"

	"holdfast/internal/admin"
)

// sections are the parts of the status page, in the order of the paths that a file takes.
func (d *Daemon) sections() []admin.Section {
	return []admin.Section{
		{Name: "database", Report: d.databaseStatus},
		{Name: "pooler", Report: d.poolerStatus},
		{Name: "store", Report: d.storeStatus},
		{Name: "files", Report: d.filesStatus},
		{Name: "assets", Report: d.assetsStatus},
		{Name: "content", Report: d.contentStatus},
		{Name: "s3", Report: d.s3Status},
		{Name: "cache", Report: d.cacheStatus},
		{Name: "edge", Report: d.edgeStatus},
	}
}

func failed(summary string, err error) admin.Status {
	return admin.Status{State: admin.Error, Summary: summary, Facts: admin.Facts{{Name: "problem", Value: err.Error()}}}
}

func (d *Daemon) databaseStatus(ctx context.Context) admin.Status {
	role, err := d.db.Role(ctx)
	if err != nil {
		return failed("PostgreSQL does not answer", err)
	}
	kind := "standby"
	if role.Primary {
		kind = "primary"
	}
	pool := d.db.Stats()
	return admin.Status{
		State: admin.OK, Summary: fmt.Sprintf("%s PostgreSQL %d, %s", d.database.Mode, role.Major(), kind),
		Facts: admin.Facts{
			{Name: "mode", Value: d.database.Mode},
			{Name: "host", Value: d.database.Host},
			{Name: "database", Value: d.database.Name},
			{Name: "schema", Value: d.database.Schema},
			{Name: "version", Value: fmt.Sprintf("%d.%d", role.Major(), role.Version%10_000)},
			{Name: "connections", Value: pool.Open},
			{Name: "connections_busy", Value: pool.Busy},
			{Name: "connections_max", Value: pool.Max},
		},
	}
}

func (d *Daemon) storeStatus(ctx context.Context) admin.Status {
	if err := d.bare.Check(ctx); err != nil {
		return failed("the store cannot be used", err)
	}
	if d.disk == nil {
		return d.s3StoreStatus()
	}
	kind, network := d.disk.FileSystem()
	s := admin.Status{
		State: admin.OK, Summary: "files on disk",
		Facts: admin.Facts{{Name: "kind", Value: "disk"}, {Name: "root", Value: d.disk.Root()}, {Name: "file_system", Value: kind}},
	}
	if network {
		s.Summary = "files on a network file system"
		s.Facts = append(s.Facts, admin.Fact{Name: "network", Value: true})
	}
	return s
}

func (d *Daemon) s3StoreStatus() admin.Status {
	c := d.cfg.Storage.S3
	facts := admin.Facts{
		{Name: "kind", Value: "s3"}, {Name: "endpoint", Value: c.EndpointURL}, {Name: "bucket", Value: c.BucketName},
	}
	if d.cache != nil {
		s := d.cache.Stats()
		facts = append(facts,
			admin.Fact{Name: "cache_bytes", Value: s.Bytes}, admin.Fact{Name: "cache_entries", Value: s.Entries},
			admin.Fact{Name: "cache_hits", Value: s.Hits}, admin.Fact{Name: "cache_misses", Value: s.Misses})
	}
	return admin.Status{State: admin.OK, Summary: "files in S3", Facts: facts}
}

func (d *Daemon) filesStatus(ctx context.Context) admin.Status {
	s := d.files.Status(ctx)
	if !s.Healthy {
		return admin.Status{State: admin.Error, Summary: s.Problem}
	}
	var objects, bytes int64
	for _, b := range s.Buckets {
		if b.Usage != nil {
			objects, bytes = objects+b.Usage.Objects, bytes+b.Usage.Bytes
		}
	}
	return admin.Status{
		State: admin.OK, Summary: count(objects, "object") + " in " + count(int64(len(s.Buckets)), "bucket"),
		Facts: admin.Facts{
			{Name: "buckets", Value: len(s.Buckets)},
			{Name: "objects", Value: objects},
			{Name: "bytes", Value: bytes},
			{Name: "links", Value: s.Links},
			{Name: "uploads", Value: s.Uploads},
		},
	}
}

// count returns "1 object", "2 objects".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (d *Daemon) s3Status(context.Context) admin.Status {
	s := d.s3.Status()
	return admin.Status{
		State: admin.OK, Summary: "S3 endpoint at " + s.URL,
		Facts: admin.Facts{
			{Name: "url", Value: s.URL}, {Name: "region", Value: s.Region}, {Name: "uploading_bytes", Value: s.InFlight},
		},
	}
}
