// Package content brings directories from git to any number of servers: a course author pushes, and every server uses the
// new version within two seconds, having fetched only what changed, while a render in progress keeps the old files to its
// end.
//
// # Vocabulary
//
//   - Source: the branch of a git repository and a root below its top, named in [content.sources.NAME].
//   - Revision: a state of a source that was published. It has a number (seq), which only grows, and a commit.
//   - Chunk: a directory of the course that a rule names, as "question:a/b" or "elements" (see package revision).
//   - Part: what is stored and fetched: a chunk, or a piece of a big one. Pack: the bytes of a part (see package treepack).
//   - Index: the signed list of the chunks and parts of one revision. It is derived from the whole tree by object id, never
//     from a difference between commits, so nothing that an earlier sync forgot can stay forgotten.
//   - View: the directory views/<source>/<commit> of a cache, whose content never changes (see package treecache).
//   - Lease: what keeps a view as long as somebody uses it.
//   - Role: the right to sync, held by one process at a time. All processes are alike; any of them may take it.
//   - Mirror: the bare repository of a source on the disk of the holder.
//   - Pin: what keeps a revision beyond its time. Tombstone: a signed order to forget a part.
//
// # Two halves
//
// The producing half runs where the role is: sync*.go, publish.go, role.go, request.go, gc.go, scrub.go, purge.go, hook.go,
// webhook.go. The consuming half runs everywhere: ensure.go, index.go, lease.go, prefetch.go, serve.go, http.go. They meet in
// the database and in four callbacks (consumer, in content.go); neither calls the other otherwise.
//
// # Settings
//
// What is in force is one immutable value (settings.go). A reload puts another in its place: sources come, change and go while
// leases, calls and syncs that have begun go on as they began. Without any source nothing runs; the first one starts it all.
//
// # The socket
//
// Calls of renders are short and many, so that a front (front*.go) reads them itself, one goroutine to a connection, and hands
// everything else to net/http with its connection and its leases. It judges nothing: what is not plainly one of its calls is net/http's.
//
// # Without a store
//
// With content.store = false (local.go) parts are packed from the mirror when the cache asks for them. All else is the same.
//
// # Order of a publish, and what a crash leaves
//
//  1. fetch the branch into the mirror; build the index; take over the parts of chunks whose tree the last published index
//     has, pack the others
//  2. put what the store lacks; write the row of a part after its bytes are durable
//  3. put the signed index
//  4. one transaction: every part is present, the hook of the app agrees (its SQL runs inside), the role is still ours, the
//     current revision is still the one that the index was compared with; then the revision, the pointer and NOTIFY
//
// Every step can be repeated, and until the transaction commits nobody sees anything of it: a crash between any two leaves
// the old revision current, and at most blobs and rows that the next sync takes over and the collection removes otherwise.
//
// # Role
//
// The holder renews its row in content_roles every third of its life (15 s), by the clock of the database. Who finds it
// expired takes it and raises the token. A holder that could not renew in time, by its own monotonic clock, stops its work
// by itself; should it be paused just then, the transaction of publish finds a higher token and is refused
// (content_role_lost). A request from another process goes through content_requests and NOTIFY; its caller waits for the
// report. Requests that a dead holder was running are queued again.
//
// # Collection of the store
//
// A revision lives while it is current, pinned, among the newest keep_revisions, or younger than keep_for. A part that no
// living revision names is doomed, and removed after the grace (72 h). The check that counts is the second one: a part is
// turned from doomed to deleting under its row lock, after a look at all living revisions that began when the lock was
// held; publish holds a lock on each part it adds until its revision is visible. So either the collector sees the revision,
// or publish sees that the part is leaving, and stores it again. A sync puts and notes only what has no row: whatever has
// one is there, or its row is gone by the time of publish. What a crash leaves in "deleting" is removed by whoever comes
// next, no sooner than two minutes later, when no order of the dead can be under way any more.
//
// Locks are taken in one order, so that nobody waits in a circle: the source, revisions, parts by their ids, pins, the role.
//
// # Failure
//
// PostgreSQL down: nothing is published; servers go on with the last revision they know, and say so. Store down: a sync
// fails and is tried again; what is in a cache goes on. A repository that cannot be fetched or read concerns its source
// alone, a chunk that breaks a rule concerns that chunk alone and keeps its last good content where that is safe. Errors
// name source, commit and path, stand in the report of the sync and in [Status], and never touch the current revision.
package content
