// Package s3api is the S3 endpoint: what an application's unmodified S3 client talks to.
//
// # Course of a request
//
// [Server] makes a call of each request and takes it through five stations, in this order:
//
//  1. address: bucket and key, from the path, or the bucket from the host name (see hosts);
//  2. proof: who is calling, by package s3wire; an access key that is unknown, revoked or expired is no proof;
//  3. operation: a row of the table in operation.go; what fits none is refused by name;
//  4. permission: the row's right against the access key's policy ([objects.Policy]);
//  5. work: the row's handler, one file for each family of operations.
//
// A handler returns nil after it answered, or an error. Errors are turned into S3's codes in one place (refusal.go) and
// every request ends in one log line and one report to the [Meter].
//
// # Guarantees
//
//   - Success is told after the object is durable and visible everywhere. A write that is refused, cut off or found
//     not to be what was announced (length, digest, checksum, chunk signature) stores nothing.
//   - What is not understood is not obeyed in part: unknown sub-resources, encryption, locks and grants are refused,
//     never left out.
//   - The client is told to go on (100-continue) after proof, permission and limits were checked, not before.
//   - Strangers read and HEAD the objects of public buckets and do nothing else. What they get about any other bucket
//     is AccessDenied, whether it exists or not. A known caller without the right to list gets AccessDenied for
//     missing keys, as from S3.
//   - No bytes from a client reach a header line, a path or a log line undecoded: keys are data, names of headers are
//     checked, log values are quoted. Log lines hold no header and no query, hence no secret and no signature.
//
// # Limits
//
// A request's header must arrive within the time and the size that package web allows. A body must keep MinRate over
// any 30 seconds (RequestTimeout); a response that nobody takes is cut off. Bytes of uploads in flight are bounded by
// MaxInFlight (SlowDown). There is no limit on the duration of a request.
//
// # Failure
//
// PostgreSQL or the store down: 503 ServiceUnavailable with Retry-After, which every S3 client repeats. Store full: 507
// InsufficientStorage, before a byte is read if the length was announced. Bucket limits: 413 EntityTooLarge, 403
// QuotaExceeded, 403 AccessDenied with the name of the limit. A store that fails in the middle of a response: the
// connection is closed, so that no client takes a part for the whole.
//
// docs/compatibility.md lists operations, clients and the differences to S3.
package s3api
