package daemon

import (
	"context"
	"time"

	"holdfast/internal/files"
	"holdfast/internal/unit"
)

// demoFiles is what the demo's page asks of the files feature.
type demoFiles struct{ files *files.Files }

// SlotURL implements demo.Files. The path suffices: the page comes from the same listener.
func (d demoFiles) SlotURL(
	ctx context.Context, bucket, key, mediaType string, maxSize int64, life time.Duration,
) (string, error) {
	a, err := d.files.CreateSlot(ctx, files.CreateSlotRequest{
		Bucket: bucket, Key: key, Type: mediaType, MaxSize: maxSize, TTL: unit.Duration(life),
	})
	return a.Path, err
}

// LinkURL implements demo.Files.
func (d demoFiles) LinkURL(ctx context.Context, bucket, key string, expired bool) (string, error) {
	sign := d.files.SignLink
	if expired {
		sign = d.files.SignExpiredLink
	}
	a, err := sign(ctx, files.SignLinkRequest{Bucket: bucket, Key: key})
	return a.Path, err
}
