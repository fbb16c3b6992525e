package files_test

import (
	"context"
	"testing"

	"holdfast/internal/blob/mem"
	"holdfast/internal/files"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/objects"
)

// quietIndex is an index of which only the start is wanted.
type quietIndex struct{ files.Index }

func (quietIndex) Declare(ctx context.Context, _ []objects.Bucket) error { return ctx.Err() }

func TestFilesKeepsTheLifecycle(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		f, err := files.New(files.Options{Config: files.DefaultConfig(), Index: quietIndex{}, Store: mem.New(), Log: discard()})
		if err != nil {
			t.Fatal(err)
		}
		return f
	})
}
