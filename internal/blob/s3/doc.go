// Package s3 keeps blobs in a bucket of any S3 service: AWS, Ceph RGW, versitygw, MinIO and its heirs, another Holdfast.
// docs/stores.md says which services were tested, and what each lacks.
//
// # How the contract of package blob is kept
//
//   - A blob is the object <prefix><name>. What is smaller than a part is sent with one request; anything else as a
//     multipart upload, part by part through one buffer, so memory does not grow with size, and all buffers together
//     are bounded, so it does not grow with the number of uploads. S3 acknowledges an object only when it is durable.
//     Every request that carries bytes is signed over their SHA-256: what arrives is what was sent.
//   - Create only: Put looks first, and writes carry "If-None-Match: *". On services that do not know conditional
//     writes two Puts at the same moment to one name could both succeed; names are random, so they do not meet.
//   - Each blob has a random id in its user metadata, "holdfast-id". It tells a request whose answer was lost, and which
//     was sent again, from somebody else's blob, and a copy from another blob.
//   - Sidecars up to 1.3 KB travel as the user metadata "holdfast" (base64; S3 limits user metadata to 2 KB). A larger
//     one, or one that is known only after a multipart upload began, is an object of its own, the companion
//     <prefix>.meta/<name>.<tag>, written before the blob appears; the tag stands in the metadata of the blob.
//   - Move copies inside the service, looks at the copy, and deletes; what was interrupted is finished by the next Move.
//     While the copy runs both names exist.
//   - Compose copies parts inside the service when S3's rules allow it (every part but the last at least 5 MiB), else
//     reads and writes them.
//
// # What a crash leaves
//
// Before the object appears: a companion that belongs to no blob, or an upload that was not completed. Neither is a blob,
// neither is ever read or listed; [Store.Sweep] removes them when they are old. Between companion and object of a
// Delete: the blob without its sidecar, which the next Delete removes. Delete therefore asks for the metadata first
// (HEAD): it costs one cheap request, where looking for companions by their name would cost a listing, the dearest
// request that S3 knows.
//
// # Where S3 gives less
//
// An open blob reads ahead in windows of 4 and then 16 MiB, each a request of its own that names the ETag of the blob. If
// the blob is deleted while it is being read, the window in progress is usually still delivered and the next one is
// ErrNotFound. A transfer that breaks is taken up where it broke; bytes of two blobs never mix.
//
// A Put that failed because the service fell silent may still take effect there, later.
//
// # Failure
//
// A service that is silent for the configured timeout is given up: while connecting, sending, waiting or receiving. That
// is ErrUnavailable, and also a deadline, so that nobody repeats it. No connection and 5xx answers are ErrUnavailable
// after three attempts within two seconds. A refused credential, a missing bucket, an untrusted certificate, a wrong
// clock or region is an error whose hint names the setting.
package s3
