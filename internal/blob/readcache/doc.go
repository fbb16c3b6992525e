// Package readcache puts a bounded directory on the local disk in front of a slow store.
//
// # What it does
//
// The first Open of a blob fetches it whole, once however many ask at the same time, and every later one is served
// from a local file: no request to the store, and sendfile to the visitor. Sidecar and Info come with it. Blobs larger
// than an eighth of the cache, or than 32 MiB, pass by. The least recently used go when room is needed. Writes,
// deletes, moves and listings go to the store; a blob that is deleted or moved through this cache leaves it.
//
// # What it relies on
//
// Blobs never change, so a copy is never stale. But a blob that another process deleted stays readable here until it
// is evicted: whoever serves blobs asks the index first whether the name still means this blob. One that was deleted or
// moved through this cache is gone when the call returns, also if it was being fetched.
//
// # Bounds
//
// The bound is one of disk blocks: each copy counts as its own length and that of its description (sidecar, size, time),
// rounded up to 4 KiB each, from before it is fetched until it is removed. So there is at most one copy for each 8 KiB of
// the bound, and memory is bounded, too: about 0.5 KB for each, and its sidecar.
//
// # Crashes
//
// A file gets its name when it is complete; nothing is synced, because everything can be fetched again. A kill leaves
// complete files. A power failure may tear files, so a cache that was filled before the last boot is emptied.
//
// # Failure
//
// A cache that cannot be written (disk full, read-only) passes the store through for ten seconds before it tries again,
// and says so through the report function. One process uses a directory at a time.
package readcache
