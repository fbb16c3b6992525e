package daemon

import (
	"context"
	"time"

	"holdfast/internal/lane"
	"holdfast/internal/metrics"
	"holdfast/internal/objects"
)

// NewKeyForTest returns an access key that may do everything.
func (d *Daemon) NewKeyForTest(ctx context.Context) (id, secret string, err error) {
	k, err := d.index.CreateAccessKey(ctx, "test", objects.Policy{Statements: []objects.Statement{{
		Buckets: []string{"*"},
		Actions: []objects.Action{
			objects.ActionRead, objects.ActionList, objects.ActionWrite, objects.ActionDelete, objects.ActionAdmin,
		},
	}}}, time.Time{})
	return k.ID, k.Secret.Reveal(), err
}

// LinkForTest returns the path of a link.
func (d *Daemon) LinkForTest(ctx context.Context, bucket, key string) (string, error) {
	return demoFiles{d.files}.LinkURL(ctx, bucket, key, false)
}

// LaneForTest returns what the edge's lane did.
func (d *Daemon) LaneForTest() lane.Stats { return d.edge.LaneStats() }

// MetricsForTest returns the registry.
func (d *Daemon) MetricsForTest() *metrics.Registry { return d.metrics }

// AdminAddr returns the address of the admin listener.
func (d *Daemon) AdminAddr() string { return d.admin.Addr() }
