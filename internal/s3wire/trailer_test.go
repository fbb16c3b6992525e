package s3wire

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestNoByteOfASignedBodyCanBeChanged(t *testing.T) {
	t.Parallel()
	for _, payload := range []Payload{PayloadSignedChunks, PayloadSignedChunksTrailer} {
		var trailer Algorithm
		if payload.Trailer() {
			trailer = CRC64NVME
		}
		_, body := encoded(t, payload, []byte("abcdefg"), 8192, trailer)
		for at := range body {
			r, body := encoded(t, payload, []byte("abcdefg"), 8192, trailer)
			body[at] ^= 0x01
			if _, err := readAllOf(t, r, body); codeOf(err) == "" || codeOf(err) == InternalError {
				t.Errorf("%s: byte %d of %q: %v", payload, at, body, err)
			}
			if _, err := readAllOf(t, r, body[:at]); codeOf(err) == "" {
				t.Errorf("%s: cut at %d: accepted", payload, at)
			}
		}
	}
}

func TestSignedTrailersAreRefusedAsS3Refuses(t *testing.T) {
	t.Parallel()
	const field = "x-amz-checksum-crc64nvme:"
	for name, test := range map[string]struct {
		change func(string) string
		code   Code
	}{
		"nothing":       {func(s string) string { return s }, ""},
		"another field": {func(s string) string { return strings.Replace(s, field, "x-amz-invalid:", 1) }, MalformedTrailer},
		"empty line instead": {func(s string) string {
			return s[:strings.Index(s, field)] + s[strings.Index(s, "\r\n"+trailerSignature):]
		}, MalformedTrailer},
		"line feed alone": {func(s string) string {
			return strings.Replace(s, "\r\n"+trailerSignature, "\n\r\n"+trailerSignature, 1)
		}, ""},
		"no line end":       {func(s string) string { return strings.Replace(s, "\r\n"+trailerSignature, "\rbcd"+trailerSignature, 1) }, IncompleteBody},
		"no signature":      {func(s string) string { return s[:strings.Index(s, trailerSignature)] + "\r\n" }, IncompleteBody},
		"signature's name":  {func(s string) string { return strings.Replace(s, trailerSignature, "x-amz-signature", 1) }, IncompleteBody},
		"long signature":    {func(s string) string { return strings.Replace(s, trailerSignature+":", trailerSignature+":0", 1) }, IncompleteBody},
		"no empty line":     {func(s string) string { return strings.TrimSuffix(s, "\r\n") }, IncompleteBody},
		"last line end":     {func(s string) string { return strings.TrimSuffix(s, "\r\n") + "pp" }, IncompleteBody},
		"more behind":       {func(s string) string { return s + "x" }, IncompleteBody},
		"value":             {func(s string) string { return strings.Replace(s, field, field+"A", 1) }, SignatureDoesNotMatch},
		"signature swapped": {func(s string) string { i := len(s) - 10; return s[:i] + "00000" + s[i+5:] }, SignatureDoesNotMatch},
	} {
		r, body := encoded(t, PayloadSignedChunksTrailer, []byte("abcdefg"), 8192, CRC64NVME)
		if _, err := readAllOf(t, r, []byte(test.change(string(body)))); codeOf(err) != test.code {
			t.Errorf("%s: %v, want %q", name, err, test.code)
		}
	}
}

func TestSignedTrailerModeWithoutTrailer(t *testing.T) {
	t.Parallel()
	r, body := encoded(t, PayloadSignedChunksTrailer, []byte("abcdefg"), 8192, "")
	if data, err := readAllOf(t, r, body); err != nil || data != "abcdefg" {
		t.Errorf("%q %v", data, err)
	}
	_, other := encoded(t, PayloadSignedChunksTrailer, []byte("abcdefg"), 8192, CRC32)
	if _, err := readAllOf(t, r, other); err == nil {
		t.Error("a trailer that was not announced was accepted")
	}
}

func readAllOf(t *testing.T, r *http.Request, body []byte) (string, error) {
	t.Helper()
	b, err := openBody(t, r, body, BodyOptions{})
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(b)
	return string(data), err
}
