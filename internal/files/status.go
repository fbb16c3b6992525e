package files

import (
	"context"

	"holdfast/internal/control"
)

// Status says how the feature is. It asks the store, and the index for what it has in memory.
func (f *Files) Status(ctx context.Context) StatusAnswer {
	s := StatusAnswer{
		Store: f.kind, Healthy: true, Links: f.links.snapshot(), Uploads: f.uploads.snapshot(), Memory: f.entries.bytes(),
	}
	if err := f.store.Check(ctx); err != nil {
		s.Healthy, s.Problem = false, err.Error()
	}
	all, err := f.index.Buckets(ctx)
	if err != nil {
		s.Healthy, s.Problem = false, err.Error()
	}
	for _, b := range all {
		info, err := f.withUsage(ctx, b)
		if err != nil {
			info = f.bucketInfo(b) // the index does not answer: what is known is shown all the same
		}
		s.Buckets = append(s.Buckets, info)
	}
	return s
}

func (f *Files) statusCall(ctx context.Context, _ control.Empty) (StatusAnswer, error) {
	return f.Status(ctx), nil
}
