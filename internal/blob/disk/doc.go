// Package disk is a [blob.Store] on a file system: a local disk, or a share such as NFS.
//
// # Layout
//
//	<root>/.holdfast-store        the sentinel: written last when a store is created
//	<root>/blobs/<hh>/<32 hex>    a blob under its name; each segment but the last is a directory
//	<root>/trash/<hh>/<32 hex>
//	<root>/…/.<base>.meta         the sidecar of the blob <base>, where it does not fit into the attribute user.holdfast
//	<root>/…/.<base>~<ino>.meta   the same while the blob of inode <ino> is being named
//	<root>/…/.tmp-<random>        a body being written, where the file system has no unnamed files
//	<root>/.holdfast-journal/     the journal of small blobs, while the store is in use: lock, segment-<n>, new-<n>/<n>
//
// Names of blobs never start with a dot (see [blob.Name]), so nothing above can be taken for a blob. Directories have
// mode 0700, files 0600. No path ever leaves the root: names are checked, and symbolic links inside are refused by the
// kernel (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or component by component where that is missing).
//
// The 256 directories below blobs and trash are made and synced when the store is opened, so that writing a blob costs
// one sync of a directory. Other directories are made on demand and made durable once per process. None is ever removed: an
// empty one costs nothing, and so no writer can lose the ground under its feet. A blob and a directory cannot share a
// name: with a blob "a", "a/b" is refused (blob_name_taken).
//
// # How a blob becomes durable
//
//  1. Room: the announced bytes, with those that other writers of this process still have to write, must leave the
//     reserve free. Then they are allocated. Else ErrFull, before a byte of the body is read.
//  2. The body goes into an unnamed file (O_TMPFILE) in the directory of the blob, 256 KB at a time.
//  3. Length checked, sidecar attached to the same inode, file synced.
//  4. The file is linked to its name: this is the moment at which one of several writers wins.
//  5. The directory is synced.
//
// Killed before 4, the kernel drops the unnamed file. After 4 the blob is whole, acknowledged or not. An error of any
// sync drops the blob: Linux marks pages that it could not write as clean, so a second sync of the same pages would lie.
//
// # The journal: how small blobs become durable
//
// The two syncs above cost more than all else about a small blob. On ext4 and xfs, for a process that has the store for itself,
// blobs up to 64 KiB of announced length that follow each other closely (50 ms) go another way:
//
//  1. Room and body as above; the body stays in memory.
//  2. A file in .holdfast-journal/new-<n> gets content and sidecar. It is not synced.
//  3. A record with all of it is appended to the current segment of the journal, together with those of other writers, and one
//     fdatasync makes them durable (see commit.go).
//  4. The file is renamed to its name, unless that is taken. The writer is told.
//  5. When the segment is full, or five seconds old, all its files are synced at once (syncfs), and only then the segment is
//     emptied. Names and content are durable by themselves from then on.
//
// A blob that only the journal makes safe so far is moved and deleted with a record as well. Everything else waits until the
// journal has nothing about the name left (journal.leave): what is not in the journal must come after all that is. What the
// journal says about one name always stands in one segment, so that segments are emptied one by one.
//
// Open replays what a crash left before anything is read. It writes every file again, whatever it looks like: after a failed
// sync Linux shows pages that the disk does not have. A batch that is torn at the end was never acknowledged. A refused record
// may be found all the same; it makes a blob whole that was not acknowledged, never one half.
//
// A write of the journal that fails refuses its batch; the journal goes on once all files are synced. A sync of files that
// fails ends the journal until the next start, which replays: Check says so, new blobs take the other way, and names that
// the journal knows are not touched. When the journal is full, busy or off, blobs take the other way, too.
//
// The store is taken with a lock in .holdfast-journal/lock. A second process knocks; the first settles its journal and removes
// it, and as long as there are several, none has one. Closed in peace, a store has no journal. On networks there never is one.
//
// # Without unnamed files, attributes or exclusive rename: btrfs, NFS, FUSE
//
// What a file system cannot do is found out at the first write and remembered. Unnamed files are used on ext4 and xfs alone:
// btrfs and zfs have them, but syncing one saves nothing until it has a name. The body then goes into .tmp-<random> in the
// same directory, is synced and closed (NFS reports a full disk there), linked, and the temporary name removed. A link
// that was repeated on the wire reports EEXIST although it was done; the inode and its link count tell. A sidecar that fits
// no attribute is written durably to .<base>~<ino>.meta before the blob is named, so it is bound to this one inode
// whoever wins the name, and renamed to .<base>.meta after. A file handle gone stale while reading is opened again.
//
// Two processes on one root need no locks but that of the journal: every step that decides something is one system call. For
// several machines on one NFS share, mount it with lookupcache=positive: otherwise a client may remember for seconds that a new blob is absent.
//
// # When the root is not what it was
//
// An empty directory where the store should be is a file system that was not mounted, not a store whose files are
// all gone. Open and Check therefore ask for the sentinel, and report ErrUnavailable with a hint without it; they and Put ask
// whether the path still leads to the directory that was opened, so that nothing is written under a mount. Only Open with Create
// makes a store, and only in a directory that is empty.
package disk
