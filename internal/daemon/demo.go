package daemon

import (
	"context"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/demo"
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

// demoCourse is what the demo's page of a question asks of the content feature.
type demoCourse struct{ content *content.Content }

// demoCourse returns the course of the demo, nil when there is none.
func (d *Daemon) demoCourse() demo.Course {
	if d.content == nil {
		return nil
	}
	return demoCourse{d.content}
}

// Ensure implements demo.Course.
func (d demoCourse) Ensure(ctx context.Context, want ...string) (demo.Place, func(), error) {
	a, err := d.content.Ensure(ctx, content.EnsureRequest{Source: demo.Source, Want: want, Lease: content.LeaseTTL})
	if err != nil {
		return demo.Place{}, nil, err
	}
	p := demo.Place{
		Dir: a.Dir, Commit: a.Revision, URL: a.URL, Chunks: a.Chunks, Cold: len(a.Cold), WaitedMS: a.WaitedMS,
	}
	return p, func() { _, _ = d.content.Release(ctx, content.LeaseRequest{Lease: a.Lease}) }, nil // it only says whether it was held
}
