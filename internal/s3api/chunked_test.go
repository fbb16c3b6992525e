package s3api_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"holdfast/internal/s3api/s3apitest"
	"holdfast/internal/s3wire"
)

// aws-chunked bodies with something wrong in each place.
func TestAttacksOnChunkedBodiesStoreNothing(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	data := pattern(20_000)
	send := func(p s3wire.Payload, trailer s3wire.Algorithm, change func(string) string) answer {
		t.Helper()
		return c.chunked("/bkt/k", data, p, trailer, change)
	}
	same := func(s string) string { return s }
	payloads := map[s3wire.Payload]s3wire.Algorithm{
		s3wire.PayloadSignedChunks: "", s3wire.PayloadSignedChunksTrailer: s3wire.CRC32C, s3wire.PayloadUnsignedChunksTrailer: s3wire.CRC64NVME,
	}
	for p, trailer := range payloads {
		f := func(name string, change func(string) string) {
			t.Helper()
			if a := send(p, trailer, change); a.status != 400 && a.status != 403 {
				t.Errorf("%s, %s: %d %s", p, name, a.status, a.body)
			}
		}
		f("a byte changed", func(s string) string { return strings.Replace(s, "0123456789abcdef", "0123456789abcdeX", 1) })
		f("cut in a chunk", func(s string) string { return s[:5000] })
		f("last chunk missing", func(s string) string { return s[:strings.LastIndex(s, "\r\n0")+2] })
		f("chunk too many", func(s string) string { return "1\r\nx\r\n" + s })
		f("size beyond all", func(s string) string { return "ffffffffffffffff" + s[4:] })
		f("size negative", func(s string) string { return "-2000" + s[4:] })
		f("empty", func(string) string { return "" })
		if trailer != "" {
			f("other checksum", func(s string) string { return strings.Replace(s, "x-amz-checksum", "x-amz-checksun", 1) })
			f("trailer cut", func(s string) string { return s[:strings.LastIndex(s, "x-amz-checksum")] })
		}
	}
	c.holds("bkt")
	for p, trailer := range payloads {
		send(p, trailer, same).want(t, 200, "")
		if got := c.do("GET", "/bkt/k", ""); got.body != data {
			t.Errorf("%s: %d bytes came back", p, len(got.body))
		}
	}
}

// chunked sends a PUT whose body is encoded as aws-chunked, after change had its way with the encoded text.
func (c client) chunked(target, data string, p s3wire.Payload, trailer s3wire.Algorithm, change func(string) string) answer {
	c.t.Helper()
	size := s3wire.EncodedSize(p, int64(len(data)), 8192, trailer)
	r := c.request("PUT", target, "", "X-Amz-Decoded-Content-Length: "+fmt.Sprint(len(data)), "Content-Encoding: aws-chunked")
	if trailer != "" {
		r.Header.Set("X-Amz-Trailer", strings.ToLower(trailer.Header()))
	}
	r.ContentLength = size
	seed, err := c.signer().SignHeader(r, p.String())
	if err != nil {
		c.t.Fatal(err)
	}
	var b strings.Builder
	w, err := c.signer().NewChunkWriter(&b, p, seed, r, 8192, trailer)
	if err == nil {
		_, err = io.WriteString(w, data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	text := change(b.String())
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return c.send(r)
}
