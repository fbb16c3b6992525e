package treecache

import "holdfast/internal/fault"

// Sentinels for errors.Is; what is returned carries more.
var (
	// ErrFull: the limits, or the disk, have no room that could be made.
	ErrFull = &fault.Error{Kind: fault.Full, Code: "content_cache_full"}
	// ErrCorrupt: the store gave wrong bytes, twice.
	ErrCorrupt = &fault.Error{Kind: fault.Invalid, Code: "content_corrupt"}
	// ErrUnavailable: the store did not give a part.
	ErrUnavailable = &fault.Error{Kind: fault.Unavailable, Code: "content_store_unavailable"}
	// ErrPurged: the part was removed with Forget.
	ErrPurged = &fault.Error{Kind: fault.NotFound, Code: "content_purged"}
	// ErrNetwork: the root is on a network file system.
	ErrNetwork = &fault.Error{Kind: fault.Config, Code: "content_cache_network"}
	// ErrDisk: the file system of the cache failed.
	ErrDisk = &fault.Error{Kind: fault.Unavailable, Code: "content_cache_disk"}
	// ErrStopped: the cache does not run.
	ErrStopped = &fault.Error{Kind: fault.Unavailable, Code: "content_cache_stopped"}
)
