// Package treecache keeps the files of courses on the disk of one machine: immutable objects, and views that show a
// revision as the directory it would be after git checkout, made of links to objects. Applications open those files
// directly. Several processes may use one root at a time, and any of them may die at any moment.
//
// # Vocabulary
//
//   - Object: an unpacked part (objects/<2>/<part>-<sum>/tree), or a tree that was assembled from several parts by hard
//     links. An object has its name only after every byte was verified, and never changes.
//   - Mark: an empty file in the object. Its links are counted by the kernel: the object's own, one for each view that shows it, one
//     for each assembled tree that it is part of. Its mtime is the last use, its atime the era.
//   - View: views/<source>/<commit>. A chunk is in it when its marker .holdfast/<key>, a link to the mark, is there.
//   - Lease: a shared flock on the view's .lease. While it is held, no chunk leaves that was there when it was taken, or came later.
//   - Era: a number that grows when the machine went down without a clean stop. Objects of an earlier era are hashed again
//     before they are used; views of an earlier era are dropped.
//   - Ledger: state/ledger, a page that holds what is used, and what each process has reserved on top.
//   - Slot: the number of a running process, and its directory below tmp.
//
// # Invariants
//
//  1. What has the name of an object was verified in this era by somebody who held the object's lock exclusively.
//  2. A marker is made after all files of its chunk are in place, and taken away before any of them.
//  3. Whoever takes a marker away either holds every lease of the view exclusively, or moves marker and lease into a batch
//     (.holdfast/.gone/<n>) and puts a new lease in their place. Files of a batch are removed when its lease and all
//     older ones can be locked. So holders of leases never wait for eviction, and eviction never waits for
//     newcomers: a view in constant use can still lose what nobody used for long.
//  4. Used + reserved ≤ cap. Space is reserved in the ledger before anything is written, and credited after it is gone. The ledger may say
//     too much after a crash, never too little. A process that died is noticed by the next, which counts anew.
//  5. Bytes belong to the last link of a file: all links of it are removed under one lock, so that exactly one remover sees the
//     last. Nothing that somebody still has open is removed: it waits in trash and counts (a write lease, fcntl(2) F_SETLEASE,
//     is refused by the kernel while another has the file open).
//
// # Locks
//
// All but leases are byte ranges of state/locks (F_OFD_SETLK): they leave no files and die with their holder. A lock is taken only while
// none to its right is held; eviction, which may run below any of them, only tries.
//
//	assembled tree → part → view → gate → trash → ledger
//
// An object's lock is held exclusively by its maker, so that each part is downloaded once among all processes; shared by those
// who link from it, until the marker protects it. The view lock is held by those who change a view. The gate is held
// shared during every change of objects, views and trash, and exclusively for counting anew. Within a process, goroutines that want
// the same object wait for the first of them, share its error, and remember neither.
//
// # What a crash leaves
//
//   - Downloading or assembling: a directory below tmp/<slot>; the next process moves it to trash.
//   - Between an object's name and the ledger: the reservation of the dead slot, which counts until the next count.
//   - Linking a view: files without a marker: right, but not told of; the next Ensure completes them.
//   - Evicting: a view without the marker, or a batch; finished by whoever evicts next.
//   - Power loss: nothing was synced. The era changes, views go, objects are hashed again on first use.
//
// Nothing of this needs a person.
//
// # Limits
//
// The cap on bytes and inodes is hard, over all processes, counting blocks, directories, names, trash and what is in flight. Above it, and
// below the floors of free space of the file system, leased content stays and the rest goes: superseded views whose
// grace is over, objects in no view, then chunks by last use. When that is not enough, callers wait for leases up to Options.Patience, then get
// content_cache_full. ENOSPC and EDQUOT evict and try once more.
//
// # Purge
//
// [Cache.Forget] overrides leases: a tombstone, then markers and files go at once from every view. Makers and linkers look for the
// tombstone while they hold the object's lock, and Forget takes that lock: what it removed does not come back.
package treecache
