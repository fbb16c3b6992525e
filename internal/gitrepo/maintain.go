package gitrepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// manyPacks is how many fetches may pass until the mirror is packed anew. Git looks into every pack for an object.
const manyPacks = 30

// Maintain packs the mirror anew when fetches have left many packs, and removes what nothing has named for two weeks.
func (r *Repo) Maintain(ctx context.Context) error {
	packs, err := filepath.Glob(filepath.Join(r.dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) < manyPacks {
		return err
	}
	return r.change(ctx, func(lock *os.File) error { return r.clean(ctx, lock, "2.weeks.ago") })
}

// clean packs the mirror anew and removes what nothing has named since. The caller holds the lock.
func (r *Repo) clean(ctx context.Context, lock *os.File, since string) error {
	r.Rest() // readers would hold the packs that go
	_, err := r.run(ctx, job{args: []string{"-c", "gc.cruftPacks=false", "gc", "--quiet", "--prune=" + since}, lock: lock})
	if err != nil {
		return fmt.Errorf("pack the mirror of %s anew: %w", r.remote.url, err)
	}
	return nil
}
