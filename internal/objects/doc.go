// Package objects is the index of stored files: buckets, keys, versions, uploads, access keys and link keys, kept in
// PostgreSQL, over immutable blobs kept in a [blob.Store]. It knows no HTTP.
//
// # Vocabulary
//
//   - Bucket: a named set of objects with one policy (public or private, limits, versions, expiry).
//   - Object: what a bucket holds under a key. It is a row that points to one blob.
//   - Generation: a number that grows with every write to the index. It orders the versions of a key, and is the
//     number behind an S3 version id.
//   - Upload: a multipart upload in progress; its parts are blobs of their own.
//   - Access key: what an app signs S3 requests with; bound to a policy.
//   - Link key: what signed browser links are made with; bound to one bucket.
//   - Dead blob: a blob whose last name is gone. It is moved to the trash and deleted when the trash period is over.
//
// # Order of a write, and what a crash leaves
//
// The bytes become durable first (blob.Store.Put), the row second (one transaction), and success is told third. A
// crash between the first two leaves a blob that no row names: nobody can reach it. A row never names a blob that is
// not durable. Replacing or deleting an object flips the row and records the old blob as dead in the same
// transaction; moving it to the trash comes after, is repeated until done, and may be done by any process.
//
// # Commits
//
// Commits of concurrent writers are gathered into one transaction per round trip (see batcher), one at a time unless it takes
// long: larger batches cost less. A batch of new keys is one INSERT. The statement runs the function holdfast.commit_objects, which locks keys in order, checks conditions (If-Match, If-None-Match, limits) and
// reports a result for each write, so that one refused write does not fail its neighbours. Lookups are gathered the
// same way: each sees every write that was acknowledged before it began, on any process. While this process is the only one
// on the database (see postgres.Sole), rows are remembered and such a lookup costs no round trip.
//
// All transactions take their locks in one order: the bucket (advisory, shared by writers, exclusive for who changes or
// deletes it; exclusive among writers where objects are counted), its keys in byte order, its usage, the next bucket, and
// last the one lock of deaths. A key without a row is locked by inserting one (lock_absent). A transaction that waits
// longer than five seconds for a lock is refused. synchronous_commit is taken as the server has it, but never off.
//
// # Tables
//
// objects holds current objects that are no delete markers and nothing else; it is what lookups and listings read.
// Noncurrent versions and markers are in versions. Two invariants: the generation of a current object is above those of its
// versions, and where there is no current object the newest version is a marker. So when the current object or the newest
// marker is deleted for good, the next version moves back (promote). Deleting a version that expired or was pruned
// (KeepVersions) is final; versions themselves do not expire.
//
// Usage (objects and bytes of a bucket) is kept in up to sixteen rows that add up, exact at every moment.
//
// # Deaths, and who hears of them
//
// A blob is dead when the key it was written for does not hold it any more: it was replaced, deleted, or expired. In a
// bucket with versions its bytes stay, but links to it die all the same; a version that becomes current again is revived.
// Each such event is a row of dead_blobs with a number. Every process listens for the notification "holdfast_objects"
// (<schema>_objects), and asks twice a second besides, should one be lost; from then on [Index.Dead] reports the blob, so
// a link to it dies everywhere within a second. Settings of buckets and keys are cached and dropped the same way.
//
// Reading "all numbers above the last one that I saw" misses nothing, because numbers become visible in order: a
// transaction takes the lock of deaths before it takes a number and holds it until it is visible. (This serializes
// the commits that kill something; NOTIFY does so anyway.) After a lost connection the last ten thousand are read again,
// since a promoted standby may lack some and give out their numbers twice.
//
// A death is remembered in memory, 53 bytes each, for as long as a link may live and an hour more; the rows for as long.
//
// # Trash
//
// Any process moves dead blobs to the trash (rows locked with SKIP LOCKED), at once after its own commits and every few
// seconds for those of processes that died. Parts of uploads are deleted without trash. A move that fails is tried again
// after 1 s, 2 s, … 1 h. What has been in the trash for TrashKeep is deleted. The same worker ends expired objects (readers
// do not see them from the second they expire), stale uploads and old records.
//
// # Failure
//
// PostgreSQL down: every operation but those on cached settings and the dead list fails at once with ErrUnavailable.
// Links need neither, so files go on being served. Store down: reads and writes fail with blob.ErrUnavailable, and no
// row is written. Outcome of a commit unknown (connection lost while committing): the blob is kept, the caller is
// told it failed; whether the row was written shows on the next read.
//
// Background work that fails is logged when it begins to fail and when it goes on, and shown by [Index.Status].
package objects
