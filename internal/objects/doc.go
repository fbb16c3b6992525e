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
// Commits of concurrent writers are gathered into one transaction per round trip (see [batch]); the statement runs the
// function holdfast.commit_objects, which locks keys in order, checks conditions (If-Match, If-None-Match, limits) and
// reports a result for each write, so that one refused write does not fail its neighbours. Lookups are gathered the
// same way: each sees every write that was acknowledged before it began, on any process. While this process is the only one
// on the database (see postgres.Sole), rows are remembered and such a lookup costs no round trip.
//
// # Who hears of a death
//
// Every process listens for the notification "holdfast_objects" and reads the table holdfast.dead_blobs (and, a few
// times a second, polls it, should a notification be lost). From then on [Index.Dead] reports the blob, so a signed
// link to it dies everywhere within a second. Bucket and key settings are cached and dropped the same way.
//
// # Failure
//
// PostgreSQL down: every operation but those on cached settings and the dead list fails at once with ErrUnavailable.
// Links need neither, so files go on being served. Store down: reads and writes fail with blob.ErrUnavailable, and no
// row is written. Outcome of a commit unknown (connection lost while committing): the blob is kept, the caller is
// told it failed; whether the row was written shows on the next read.
package objects
