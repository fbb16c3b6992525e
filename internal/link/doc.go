// Package link makes and verifies signed links: URLs that prove by themselves that their bearer may read one stored
// file, or upload one. It is pure computation: no clock, no network, no database.
//
// # Vocabulary
//
//   - Key: a secret of one bucket with an id. Two MAC keys, one for each purpose, are derived from it with HKDF
//     (RFC 5869), so a signature never serves another purpose, bucket or epoch.
//   - Epoch: a number of the bucket. Raising it makes every link ever signed for the bucket worthless.
//   - Get: what a link to read grants. It names a blob, not a key: a replaced object has another blob, and so the
//     blob id stands for the generation of the object. Links to a replaced file die with its blob.
//   - Put: what a link to upload grants: one key, through one slot, which is consumed by the upload.
//   - Window: expiry times are rounded up to a multiple of it, so that a page reloaded within the window shows the
//     same links and caches hit.
//
// # Form
//
//	/m/<kid>.<exp>.<flags>.<sig>/<blob>/<name>               a Get in the path
//	?hf=<kid>.<exp>.<flags>.<sig>.<blob>                     a Get beside a path that ends in the name
//	/u/<kid>.<exp>.<flags>.<sig>/<bucket>/<key>              a Put
//
// docs/formats.md has it byte by byte, testdata/vectors/link.json has pinned examples. sig is the first 16 bytes of
// HMAC-SHA-256 over length-prefixed fields; every part of the URL, and what a session-bound link takes from the
// cookie, is in it.
//
// # Failure
//
// There are three answers. [ErrNotLink]: the URL has not even the shape of a link. [ErrRefused]: it has the shape and
// is not valid, whatever the reason; the reason is not told, not even by the time it takes. [ErrExpired]: signed by
// us, and over; only who holds a genuine link can learn that.
package link
