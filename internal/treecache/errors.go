package treecache

import (
	"context"
	"errors"

	"holdfast/internal/fault"
)

// Sentinels for errors.Is; what is returned carries more.
var (
	// ErrFull: the limits, or the disk, have no room that could be made.
	ErrFull = fault.New(fault.Full, "content_cache_full", "the content cache is full")
	// ErrCorrupt: the store gave wrong bytes, twice.
	ErrCorrupt = fault.New(fault.Invalid, "content_corrupt", "the store gave wrong bytes")
	// ErrUnavailable: the store did not give a part.
	ErrUnavailable = fault.New(fault.Unavailable, "content_store_unavailable", "the store does not answer")
	// ErrPurged: the part was removed with Forget.
	ErrPurged = fault.New(fault.NotFound, "content_purged", "the content was purged")
	// ErrNetwork: the root is on a network file system.
	ErrNetwork = fault.New(fault.Config, "content_cache_network", "the content cache is on a network file system")
	// ErrDisk: the file system of the cache failed.
	ErrDisk = fault.New(fault.Unavailable, "content_cache_disk", "the disk of the content cache failed")
	// ErrStopped: the cache does not run.
	ErrStopped = fault.New(fault.Unavailable, "content_cache_stopped", "the content cache does not run")
)

const fullHint = "raise content.cache_size or content.cache_inodes, free space on the disk of the cache, or end long leases"

// onDisk makes an error of the file system one that an operator can act on. Errors that have a kind keep it.
func onDisk(what string, err error) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isFull(err):
		return fault.New(fault.Full, ErrFull.Code, "%s: %w", what, err).WithHint(fullHint)
	}
	return fault.New(fault.Unavailable, ErrDisk.Code, "%s: %w", what, err).
		WithHint("look at the disk of the content cache and at the kernel's log")
}
