// Package files is how browsers, jobs and administrators reach stored files: signed links, public buckets, upload
// slots, and the API behind "holdfast files". (Apps use S3: package s3api.)
//
// # Vocabulary
//
//   - Link: a URL that proves by itself that its bearer may read one blob (package link). Served under /m/, or beside
//     the path of the object with the parameter hf.
//   - Slot: the right to upload one object once; a URL under /u/ and a row that the upload consumes.
//   - Public bucket: its objects are served under the media URL without proof.
//   - Entry: what is known of an immutable blob without reading it again: sidecar, size, and the bytes of small ones.
//
// # What a request touches
//
// A link is served from memory (link keys, list of dead blobs) and the store: no database. So links go on while
// PostgreSQL is down, on every process, and die everywhere within a second when the file is deleted or replaced, or
// the key or the bucket's epoch is revoked. Public objects and uploads ask the index.
//
// Links of the first shape are answered on the edge's event loops (package lane) when entry, key and bucket are in memory and
// the file of a large blob is open: see lane.go. A file is kept open for half a minute after its latest use, and until its
// blob dies. What decides and what is written in the header is the same code as for net/http; ranges, conditions, links
// bound to a session and everything that goes wrong are left to that.
//
// # Answers
//
// To a stranger everything is 404 with one body: a path that is no link, a public path that is missing or private.
// What has the shape of a link and is not honoured is 403 "link_refused" with one body, whether it was altered, made
// with an unknown or revoked key, or its file is gone. Only a genuine link that is over learns so: "link_expired".
//
// Every file is sent with a policy that lets nothing in it run, and shown in the page only when it is of a harmless
// type and looks like it; everything else is saved. See disposition.go for the list.
//
// # Failure
//
// Store down: 503 and Retry-After. Index down: links are served, everything else is 503. An upload that fails for any
// reason leaves nothing and does not use up its slot.
//
// Ready, after Start, means that the declared buckets exist and the database knows who may call holdfast.sign_url.
package files
