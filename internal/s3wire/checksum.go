package s3wire

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// ChecksumType says how the checksum of a multipart object is made.
type ChecksumType string

// The types.
const (
	FullObject ChecksumType = "FULL_OBJECT" // of all bytes
	Composite  ChecksumType = "COMPOSITE"   // of the part checksums, one after the other
)

// ParseChecksumType reads x-amz-checksum-type in any case; "" stays "".
func ParseChecksumType(s string) (ChecksumType, error) {
	switch t := ChecksumType(strings.ToUpper(s)); t {
	case "", FullObject, Composite:
		return t, nil
	}
	return "", invalidHeader("x-amz-checksum-type")
}

// Checksum is a value with its algorithm. The zero value means none.
type Checksum struct {
	Algorithm Algorithm
	Sum       []byte
	Parts     int // of a composite: how many; 0 for a full object
}

// IsZero reports whether there is no value.
func (c Checksum) IsZero() bool { return c.Algorithm == "" }

// Type returns Composite or FullObject.
func (c Checksum) Type() ChecksumType {
	if c.Parts > 0 {
		return Composite
	}
	return FullObject
}

// String returns the value as headers and XML carry it: base64, with "-N" behind it for a composite of N parts.
func (c Checksum) String() string {
	text := base64.StdEncoding.EncodeToString(c.Sum)
	if c.Parts > 0 {
		text += "-" + strconv.Itoa(c.Parts)
	}
	return text
}

// ParseChecksum reads such a value. InvalidRequest when it is not base64 of the right length.
func ParseChecksum(a Algorithm, s string) (Checksum, error) {
	c := Checksum{Algorithm: a}
	text, parts, composite := strings.Cut(s, "-")
	if composite {
		n, err := strconv.Atoi(parts)
		if err != nil || n < 1 || n > MaxParts {
			return Checksum{}, invalidHeader(a.headerName())
		}
		c.Parts = n
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(sum) != a.Size() || len(sum) == 0 {
		return Checksum{}, invalidHeader(a.headerName())
	}
	c.Sum = sum
	return c, nil
}

func invalidHeader(name string) *Error {
	return InvalidRequest.Newf("Value for %s header is invalid.", name)
}

// checksumClaim is what the headers say about a checksum of the body.
type checksumClaim struct {
	value   Checksum  // sent as a header
	trailer Algorithm // will follow the body
}

// HeaderChecksum returns the one checksum in the headers, the zero Checksum if there is none. More than one, one
// beside a trailer, or one that contradicts x-amz-sdk-checksum-algorithm: InvalidRequest.
func HeaderChecksum(h http.Header) (Checksum, error) {
	c, err := readChecksumClaim(h)
	return c.value, err
}

func readChecksumClaim(h http.Header) (c checksumClaim, err error) {
	found, err := checksumHeaders(h)
	if err != nil {
		return c, err
	}
	if t := h.Get("X-Amz-Trailer"); t != "" {
		if c.trailer, err = trailerAlgorithm(t); err != nil {
			return c, err
		}
		found = append(found, c.trailer)
	}
	if len(found) > 1 {
		return c, InvalidRequest.Newf("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
	}
	if err := checkAnnounced(h.Get("X-Amz-Sdk-Checksum-Algorithm"), found); err != nil {
		return c, err
	}
	if c.trailer == "" && len(found) == 1 {
		c.value, err = ParseChecksum(found[0], h.Get(found[0].Header()))
	}
	return c, err
}

// checksumHeaders returns the algorithms of the x-amz-checksum-* headers that carry a value.
func checksumHeaders(h http.Header) (found []Algorithm, err error) {
	const prefix = "X-Amz-Checksum-"
	for name, values := range h {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		switch rest := name[len(prefix):]; rest {
		case "Mode", "Type", "Algorithm":
		default:
			a, err := ParseAlgorithm(rest)
			if err != nil {
				return nil, InvalidRequest.Newf("The algorithm type you specified in x-amz-checksum- header is invalid.")
			}
			for range values {
				found = append(found, a)
			}
		}
	}
	return found, nil
}

// trailerAlgorithm reads x-amz-trailer, which may announce a checksum and nothing else.
func trailerAlgorithm(s string) (Algorithm, error) {
	name := http.CanonicalHeaderKey(strings.TrimSpace(s))
	rest, ok := strings.CutPrefix(name, "X-Amz-Checksum-")
	if ok {
		if a, err := ParseAlgorithm(rest); err == nil {
			return a, nil
		}
	}
	return "", InvalidRequest.Newf("The value specified in the x-amz-trailer header is not supported")
}

// checkAnnounced compares x-amz-sdk-checksum-algorithm with what is there.
func checkAnnounced(text string, found []Algorithm) error {
	if text == "" {
		return nil
	}
	a, err := ParseAlgorithm(text)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return InvalidRequest.Newf("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
	case a != found[0]:
		return invalidHeader("x-amz-sdk-checksum-algorithm")
	}
	return nil
}
