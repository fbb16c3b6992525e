// Package blob is the contract between Holdfast and the places where bytes lie: a disk, an S3 bucket, memory.
//
// # Vocabulary
//
// A blob is an immutable sequence of bytes under a [Name]. It is written once, whole or not at all, never changed, and
// moved or deleted as a whole. Its sidecar is a small opaque text that the writer attaches (who it belongs to, its
// digests), so that an index of the blobs can be rebuilt from the store alone. The store never reads it.
//
// # Guarantees every Store gives
//
//   - Put acknowledged means durable: after Put returned nil the blob and its sidecar survive kill -9 and power loss.
//   - All or nothing: a Put that fails, is cancelled or dies with the process leaves no blob under the name. A reader
//     that returns any error but io.EOF aborts the Put; digest checks are therefore made by the caller's reader, which
//     returns its own error in place of io.EOF.
//   - Create only: a name is never overwritten. Of several Puts to one name exactly one wins; the others get ErrExists.
//   - Read after write: a blob is visible to every process that shares the store as soon as Put returned.
//   - Names come back from List in byte order, each once, without sidecars or temporary files.
//
// # Failure
//
// Absent is [ErrNotFound], taken is [ErrExists], no room is [ErrFull] (before a byte of the body is read when its size
// is known), a store that cannot be reached or is not mounted is [ErrUnavailable]. All are [fault.Error] sentinels,
// matched with errors.Is. Anything else is a failure of that one operation.
//
// # Implementations and wrappers
//
// blob/disk, blob/s3 and blob/mem implement the contract, blob/readcache wraps a Store with a bounded local cache;
// [Retry], [Limit] and [Meter] wrap one with behaviour, [KeepSmall] with a memory for small blobs. All pass the suite in
// blob/blobtest. daemon stacks them, so the order is visible in one place.
package blob
