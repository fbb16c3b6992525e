package blob

import (
	"context"
	"io"
	"time"

	"holdfast/internal/fault"
)

// The errors of the contract. Implementations return these or errors that wrap them.
var (
	ErrNotFound    = &fault.Error{Kind: fault.NotFound, Code: "blob_not_found", Err: errText("no such blob")}
	ErrExists      = &fault.Error{Kind: fault.Conflict, Code: "blob_exists", Err: errText("blob exists already")}
	ErrFull        = &fault.Error{Kind: fault.Full, Code: "store_full", Err: errText("no room left in the store")}
	ErrUnavailable = &fault.Error{Kind: fault.Unavailable, Code: "store_unavailable", Err: errText("store unavailable")}
	ErrRange       = &fault.Error{Kind: fault.Invalid, Code: "blob_range", Err: errText("range outside the blob")}
)

type errText string

func (e errText) Error() string { return string(e) }

// MaxSidecar is the largest sidecar in bytes that every store takes. S3 user metadata (2 KB) may hold less; the
// adapter then stores a companion object.
const MaxSidecar = 16 << 10

// Info describes a blob.
type Info struct {
	Name    Name
	Size    int64     // bytes
	ModTime time.Time // when it became durable, by the store's clock
}

// PutOptions are the details of one Put.
type PutOptions struct {
	// Size is the length of the body in bytes when it is known, else -1. A body of another length fails the Put.
	Size int64
	// Sidecar, if not nil, is called once, after the body was read to io.EOF and before the blob is named. What it
	// returns is stored beside the blob, durable with it.
	Sidecar func() ([]byte, error)
}

// Blob is an open blob: it reads and seeks like a file, for one goroutine at a time. Close it. A Blob that is an
// *os.File inside is also a [Filer], so that a server can use sendfile.
type Blob interface {
	io.ReadSeekCloser
	Info() Info
}

// Reader reads blobs.
type Reader interface {
	// Open returns the blob, or ErrNotFound. An open blob stays readable to its end even when it is deleted or moved
	// meanwhile. The context must last as long as the blob is read: stores behind a network end the transfer with it.
	Open(ctx context.Context, name Name) (Blob, error)
	// Stat returns size and time, or ErrNotFound.
	Stat(ctx context.Context, name Name) (Info, error)
	// Sidecar returns the text stored beside the blob: nil if none was given, ErrNotFound without the blob.
	Sidecar(ctx context.Context, name Name) ([]byte, error)
}

// Writer writes blobs.
type Writer interface {
	// Put stores what body yields under the name; see the package comment for what it guarantees. It returns
	// ErrExists without reading the body to its end when the name is taken.
	Put(ctx context.Context, name Name, body io.Reader, opts PutOptions) (Info, error)
}

// Remover removes and moves blobs.
type Remover interface {
	// Delete removes the blob and its sidecar for good. Deleting what is not there is not an error.
	Delete(ctx context.Context, name Name) error
	// Move gives a blob with its sidecar another name, durably. It returns ErrNotFound if from is absent and to is
	// not there either; a Move repeated after a crash succeeds. ErrExists if both are there and differ.
	Move(ctx context.Context, from, to Name) error
}

// Lister lists blobs.
type Lister interface {
	// List calls yield for the blobs whose names start with prefix and sort after the name after, in byte order,
	// until yield returns false. Memory does not grow with the number of blobs.
	List(ctx context.Context, prefix string, after Name, yield func(Info) bool) error
}

// Composer joins blobs.
type Composer interface {
	// Compose stores the concatenation of the parts under the name with the guarantees of Put, copying inside the
	// store where it can. The parts stay. opts.Size must be the sum of the parts.
	Compose(ctx context.Context, name Name, parts []Name, opts PutOptions) (Info, error)
}

// Store is everything a store does.
type Store interface {
	Reader
	Writer
	Remover
	Lister
	Composer
	// Check reports whether the store can be used right now: mounted, reachable, writable, above its free-space
	// reserve. The error says what to do.
	Check(ctx context.Context) error
}
