package s3wire

import (
	"bytes"
	"crypto/md5" //nolint:gosec // Content-MD5 and ETags are MD5 by definition
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
)

// digests are the running digests of a body and what they should come to. One that serves two purposes runs once.
type digests struct {
	md5, sha256, sum hash.Hash // nil: not computed
	algorithm        Algorithm // of sum
	want             struct {
		md5, sha256 []byte
		sum         Checksum
	}
}

func newDigests(h http.Header, a *Auth, o BodyOptions, claim checksumClaim) (d digests, err error) {
	if values := h["Content-Md5"]; len(values) > 0 {
		d.want.md5, err = base64.StdEncoding.DecodeString(values[0])
		if err != nil || len(d.want.md5) != md5.Size {
			return d, InvalidDigest.New().With("Content-MD5", values[0])
		}
	}
	if a.Payload == PayloadHash {
		d.want.sha256, _ = hex.DecodeString(a.bodyDigest(h)) // its form was checked with the signature
	}
	d.want.sum = claim.value
	d.algorithm = claim.value.Algorithm
	if d.algorithm == "" {
		d.algorithm = claim.trailer
	}
	if d.algorithm == "" {
		d.algorithm = o.Algorithm
	}
	if o.MD5 || d.want.md5 != nil || d.algorithm == MD5 {
		d.md5 = md5.New() //nolint:gosec // see import
	}
	if o.SHA256 || d.want.sha256 != nil || d.algorithm == SHA256 {
		d.sha256 = sha256.New()
	}
	switch d.algorithm {
	case MD5:
		d.sum = d.md5
	case SHA256:
		d.sum = d.sha256
	default:
		d.sum = d.algorithm.New()
	}
	return d, nil
}

// bodyDigest returns the digest that the client stated for the body. A presigned URL may leave the header unsigned;
// stated is stated.
func (a *Auth) bodyDigest(h http.Header) string {
	if header := h.Get("X-Amz-Content-Sha256"); isHexDigest(header) {
		return header
	}
	return a.digest
}

// write feeds what was read to each digest once.
func (d *digests) write(p []byte) {
	if d.md5 != nil {
		d.md5.Write(p)
	}
	if d.sha256 != nil {
		d.sha256.Write(p)
	}
	if d.sum != nil && d.algorithm != MD5 && d.algorithm != SHA256 {
		d.sum.Write(p)
	}
}

// check compares at the end. The order is that of how bad a mismatch is: what the signature covers comes first.
func (d *digests) check() error {
	var room [64]byte
	if d.want.sha256 != nil {
		if sum := d.sha256.Sum(room[:0]); !bytes.Equal(sum, d.want.sha256) {
			return XAmzContentSHA256Mismatch.New().
				With("ClientComputedContentSHA256", hex.EncodeToString(d.want.sha256)).
				With("S3ComputedContentSHA256", hex.EncodeToString(sum))
		}
	}
	if d.want.md5 != nil {
		if sum := d.md5.Sum(room[:0]); !bytes.Equal(sum, d.want.md5) {
			return BadDigest.New().
				With("CalculatedDigest", base64.StdEncoding.EncodeToString(sum)).
				With("ExpectedDigest", hex.EncodeToString(d.want.md5)) // one in base64, one in hex: as S3 has it
		}
	}
	if !d.want.sum.IsZero() && !bytes.Equal(d.sum.Sum(room[:0]), d.want.sum.Sum) {
		return BadDigest.Newf("The %s you specified did not match the calculated checksum.", d.algorithm)
	}
	return nil
}
