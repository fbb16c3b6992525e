package treecache

import (
	"context"
	"io"
	"log/slog"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/treepack"
)

// View names a revision of a source.
type View struct {
	Source string // 1 to 64 of a-z A-Z 0-9 - _ . and no dot in front
	Commit treepack.ID
}

// Chunk is a directory of a revision. Key and Path are as in the revision's index.
type Chunk struct {
	Key    string
	Path   string // below the root of the view; "" is the root
	Tree   treepack.ID
	Pieces []treepack.Piece
	Whole  bool // show it as one symbolic link
}

// Fetcher opens the pack of a part. It ends soon after its context does; the caller closes what it returns. A part that the store
// does not have is a fault of kind NotFound.
type Fetcher func(ctx context.Context, p treepack.Part) (io.ReadCloser, error)

// Limits bound the cache. A zero sets no bound.
type Limits struct {
	Bytes, Inodes         int64 // of everything below the root
	FreeBytes, FreeInodes int64 // of the file system, left to others
}

// Observer is told what happens, for metrics. A nil function is not called. They are called from many goroutines.
type Observer struct {
	Ensured    func(cold int, took time.Duration, err error)
	Downloaded func(part treepack.Part, took time.Duration, err error)
	Evicted    func(chunks, objects int, bytes int64)
}

// Options say how to run a cache.
type Options struct {
	Root     string // made if absent; never on a network file system
	Limits   Limits
	Fetch    Fetcher
	Parallel int           // downloads at a time; 20 when 0
	Group    int           // gid that may read, besides the owner; -1 or 0: the group of this process
	Grace    time.Duration // a retired view is not evicted first before that; 10 min when 0
	Patience time.Duration // how long a caller waits for leases to end when the cache is full; 5 s when 0
	Stall    time.Duration // a download that brings no byte for so long is given up; 30 s when 0
	Observe  Observer
	Log      *slog.Logger // discarded when nil

}

// Result is what Ensure made ready.
type Result struct {
	Dir    string        // absolute path of the view
	Cold   []string      // keys of chunks that were not there
	Bytes  int64         // downloaded by this call, packed
	Waited time.Duration // from call to return
}

// Cache is a service: Start, then any number of calls from any number of goroutines, then Stop.
type Cache struct {
	o    Options
	base lifecycle.Base
}
