package s3wire

// Payload is what a request says about its body in x-amz-content-sha256.
type Payload uint8

// The payloads.
const (
	PayloadUnsigned              Payload = iota // UNSIGNED-PAYLOAD, or nothing said
	PayloadHash                                 // hex digest of the whole body
	PayloadSignedChunks                         // STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	PayloadSignedChunksTrailer                  // STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	PayloadUnsignedChunksTrailer                // STREAMING-UNSIGNED-PAYLOAD-TRAILER
)

const (
	payloadUnsigned        = "UNSIGNED-PAYLOAD"
	payloadSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	payloadSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	payloadUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	// emptySHA256 is the digest of no bytes, a constant of the signature of bodiless requests.
	emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// String returns the header's value; "hash" for PayloadHash.
func (p Payload) String() string {
	return [...]string{payloadUnsigned, "hash", payloadSigned, payloadSignedTrailer, payloadUnsignedTrailer}[p]
}

// Chunked reports whether the body is encoded as aws-chunked.
func (p Payload) Chunked() bool { return p >= PayloadSignedChunks }

// Trailer reports whether a trailer follows the chunks.
func (p Payload) Trailer() bool { return p >= PayloadSignedChunksTrailer }

// signedChunks reports whether every chunk has a signature.
func (p Payload) signedChunks() bool {
	return p == PayloadSignedChunks || p == PayloadSignedChunksTrailer
}

func parsePayload(s string) (Payload, error) {
	switch s {
	case payloadUnsigned:
		return PayloadUnsigned, nil
	case payloadSigned:
		return PayloadSignedChunks, nil
	case payloadSignedTrailer:
		return PayloadSignedChunksTrailer, nil
	case payloadUnsignedTrailer:
		return PayloadUnsignedChunksTrailer, nil
	case "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER":
		return 0, NotImplemented.Newf("Signature version 4A is not supported. Please use AWS4-HMAC-SHA256.")
	}
	if isHexDigest(s) {
		return PayloadHash, nil
	}
	return 0, argument("x-amz-content-sha256", s, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "+
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, "+
		"STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
}

func isHexDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}
