package blob

import (
	"context"
	"os"

	"holdfast/internal/fault"
)

// Filer is what a Blob also is when it is an open file inside: a server hands the file to the kernel (sendfile).
// The file stays the Blob's; its offset is the Blob's offset.
type Filer interface {
	File() *os.File
}

// Linker is what a Store also is when its blobs are files on a local disk.
type Linker interface {
	// Link makes a hard link of the blob at path, outside the store, so that an export costs no space. The error
	// matches fs.ErrExist when path is taken, and syscall.EXDEV when path is on another file system: the caller then
	// copies. The link shares its bytes with the blob: whoever writes to it in place damages the blob.
	Link(ctx context.Context, name Name, path string) error
}

// Unwrapper is what every wrapper of a Store also is.
type Unwrapper interface {
	Unwrap() Store
}

// As returns the first of s and the stores that it wraps which is a T: the way to an optional interface. Calls through
// it do not pass the wrappers around it.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(Unwrapper)
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var none T
	return none, false
}

// SizeError returns the error of a body whose length is not the announced one, in bytes. got may be what was read
// before the store gave up on a body that is too long.
func SizeError(want, got int64) error {
	return fault.New(fault.Invalid, "blob_size", "body has %d bytes or more, %d were announced", got, want)
}

// SidecarError returns the error of a sidecar of n bytes, which is more than [MaxSidecar].
func SidecarError(n int) error {
	return fault.New(fault.Invalid, "blob_sidecar", "sidecar of %d bytes, at most %d are kept", n, MaxSidecar)
}
