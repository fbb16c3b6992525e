// Package s3wire knows what S3 looks like on the wire, and nothing about where objects lie: signatures of requests
// (both sides), the body encodings, checksums, XML documents, upload forms with their policy, names, ranges and
// conditions, and the error answers. It opens no socket and no file; it imports only packages fault and secret.
//
// # Course of a request
//
//	auth, err := v.Parse(r)                // who says it is; time and scope are checked, the signature is not
//	secret := lookup(auth.AccessKey)       // the caller's work; unknown: InvalidAccessKeyID.New()
//	err = v.Verify(r, &auth, secret)       // the signature; from here on the request is genuine
//	body, err := NewBody(r, &auth, opts)   // decodes and checks the body while it is read
//	io.Copy(store, body)                   // any mismatch comes out of Read in place of io.EOF
//	body.Checksum()                        // what was verified, for the object's row
//
// An upload form (POST Object) carries its proof in the body: [ReadForm] reads the fields up to the file,
// [Verifier.ParseForm] and [Verifier.VerifyForm] check who made the policy, [Policy.Check] checks the fields
// against it, and [Form.Body] yields the file under the policy's size limits.
//
// # Vocabulary
//
//   - Auth: the claim that a request makes about its sender; genuine only after Verify.
//   - Scope: date, region and service that a signature is limited to.
//   - Payload: what x-amz-content-sha256 says about the body, hence how it is encoded and what vouches for it.
//   - Checksum: one of S3's checksum algorithms with its value; composite when made of part checksums.
//   - Code: S3's name of an error; [Error] is one with its details.
//
// # Guarantees
//
//   - What is not covered by the signature is not obeyed: every x-amz-* header that is present must be signed, the
//     host must be signed, and no two authentication methods are accepted at once. A foreign Authorization header
//     (Bearer, Basic) beside a signed query proves nothing and is ignored.
//   - A body never yields more bytes than were announced, and io.EOF comes only after every length, digest, checksum
//     and chunk signature that the client sent was found right. Memory does not grow with the body.
//   - Documents from clients are bounded while they are read: 1 MB of XML (4 MB for the lists of 1000 keys and 10000
//     parts, which end at the first item too many), 20 KB of form fields.
//   - An [Error] tells nothing that the client did not send, besides times, limits and digests of its body. Signatures
//     that would have been right are never told; the values of headers that carry keys or tokens are blacked out where
//     a request is echoed.
//
// # Failure
//
// Every refusal of a client is an [*Error] with the code and the status that S3 answers with. Anything else that comes
// out of Read is an error of the connection, wrapped. Mistakes of a caller who signs (an impossible expiry, no key) are
// errors of package fault.
package s3wire
