// Package s3 keeps blobs in a bucket of any S3 service: AWS, Ceph RGW, versitygw, MinIO and its heirs, another Holdfast.
//
// # How the contract of package blob is kept
//
//   - A blob is the object <prefix><name>. What fits into one part is sent with one request; anything larger as a
//     multipart upload, part by part through one buffer, so memory does not grow with size. S3 acknowledges an object
//     only when it is durable.
//   - Create only: writes carry "If-None-Match: *". Services that do not know conditional writes answer as if it were
//     not there; names are random or content hashes, so that costs nothing but the guarantee, and Put looks first.
//   - Sidecars up to 1.3 KB travel as the user metadata "holdfast" (base64; S3 limits user metadata to 2 KB). A larger
//     one, or one that is known only after a multipart upload began, is a companion object,
//     ".<last segment>.<tag>.meta" in the same folder, written before the object appears; the tag stands in the
//     user metadata.
//   - Move copies inside the service and deletes; what was interrupted is finished by the next Move. While the copy
//     runs both names exist.
//   - Compose copies parts inside the service when S3's rules allow it (every part but the last at least 5 MiB), else
//     reads and writes them.
//
// # Where S3 gives less
//
// An open blob reads ahead in windows of 16 MiB, each a request of its own. If the blob is deleted while it is being
// read, the window in progress is usually still delivered and the next one is ErrNotFound.
//
// # Failure
//
// No connection, a timeout or a 5xx answer is ErrUnavailable after the client's own retries. A refused credential or a
// missing bucket is an error whose hint names the setting.
package s3
