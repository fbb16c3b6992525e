package s3wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"holdfast/internal/secret"
)

func BenchmarkVerifyHeader(b *testing.B) {
	v := docVerifier()
	r := signed(b, "GET", "http://s3.local:9000/bucket/photos/2024/picture-0001.jpg?versionId=1&partNumber=2")
	key := secret.New(docSecret)
	b.ReportAllocs()
	for b.Loop() {
		a, err := v.Parse(r)
		if err == nil {
			err = v.Verify(r, &a, key)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyPresigned(b *testing.B) {
	v := docVerifier()
	r := presigned(b, "GET", "http://s3.local:9000/bucket/photos/2024/picture-0001.jpg", time.Hour)
	key := secret.New(docSecret)
	b.ReportAllocs()
	for b.Loop() {
		a, err := v.Parse(r)
		if err == nil {
			err = v.Verify(r, &a, key)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// The price of a signature that fits none of three public names.
func BenchmarkVerifyForged(b *testing.B) {
	v := NewVerifier(Verifier{Hosts: []string{"a.example.com", "b.example.com", "c.example.com"}, Now: docVerifier().Now})
	r := signed(b, "GET", "http://s3.local:9000/bucket/photos/2024/picture-0001.jpg")
	key := secret.New("another")
	b.ReportAllocs()
	for b.Loop() {
		a, err := v.Parse(r)
		if err != nil || v.Verify(r, &a, key) == nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunkedBody(b *testing.B) {
	data := bytes.Repeat([]byte("x"), 8<<20)
	buf := make([]byte, 256<<10)
	for _, payload := range []Payload{PayloadUnsignedChunksTrailer, PayloadSignedChunks} {
		trailer := Algorithm("")
		if payload.Trailer() {
			trailer = CRC64NVME
		}
		b.Run(payload.String(), func(b *testing.B) {
			r, body := encoded(b, payload, data, 64<<10, trailer)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				src, err := openBody(b, r, body, BodyOptions{})
				if err == nil {
					_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, src, buf)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSmallBody(b *testing.B) {
	data := bytes.Repeat([]byte("x"), 16<<10)
	buf := make([]byte, 32<<10)
	r := httptest.NewRequest("PUT", "/b/k", nil)
	r.Header.Set("X-Amz-Content-Sha256", fmt.Sprintf("%x", sumText(SHA256, string(data))))
	a, err := docVerifier().Parse(r)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
		src, err := NewBody(r, &a, BodyOptions{MD5: true, Algorithm: CRC64NVME})
		if err == nil {
			_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, src, buf)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListing1000(b *testing.B) {
	l := listing(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeXML(&l); err != nil {
			b.Fatal(err)
		}
	}
}
