package revision

import (
	"context"

	"holdfast/internal/treepack"
)

// What is done about symbolic links that leave their chunk, and about submodules.
const (
	Reject  = "reject" // the chunk is rejected
	Course  = "course" // links: they may lead anywhere inside the course
	Skipped = "skip"   // submodules: an empty directory and a warning
)

// BuildOptions say how an index is made. The zero value is usable.
type BuildOptions struct {
	Limits     treepack.Limits // fields that are zero: DefaultLimits
	Links      string          // Reject (default) or Course
	Submodules string          // Reject (default) or Skipped
	Previous   *Index          // index of the revision before, or nil
	Memo       *Memo           // what is known of blobs; may be nil
	Parallel   int             // chunks that are looked at at a time; default: one for each processor
}

// Build makes the index of the tree root. Source, Seq and Commit of the result are left to the caller, and the parts that
// are new have no sums yet: see Unpacked and Fill.
func Build(ctx context.Context, src treepack.Source, root treepack.ID, p Preset, o BuildOptions) (*Index, error) {
	return build(ctx, src, root, p, o)
}
