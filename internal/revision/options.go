package revision

import (
	"cmp"
	"runtime"

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
	Limits     treepack.Limits // the zero value: treepack.DefaultLimits
	Links      string          // Reject (default) or Course
	Submodules string          // Reject (default) or Skipped
	Previous   *Index          // index of the revision before, or nil
	Memo       *Memo           // what is known of blobs; default: one for this build
	Parallel   int             // chunks that are looked at at a time; default: one for each processor
}

func (o BuildOptions) withDefaults() BuildOptions {
	if o.Limits == (treepack.Limits{}) {
		o.Limits = treepack.DefaultLimits()
	}
	o.Links = cmp.Or(o.Links, Reject)
	o.Submodules = cmp.Or(o.Submodules, Reject)
	o.Parallel = cmp.Or(o.Parallel, runtime.GOMAXPROCS(0))
	if o.Memo == nil {
		o.Memo = NewMemo(defaultMemo)
	}
	return o
}
