package s3wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/minio/minio-go/v7/pkg/signer"

	"holdfast/internal/secret"
)

// Two independent signers sign requests with odd paths, queries and headers; we must agree with both, in both
// directions: we accept what they sign, and sign as they do.

const oddBytes = "abzAZ09-_.~!*'();:@&=+$,/?%#[] \"<>\\^`{|}ü€😀"

func oddText(rng *rand.Rand, n int) string {
	runes := []rune(oddBytes)
	var b strings.Builder
	for range rng.IntN(n + 1) {
		b.WriteRune(runes[rng.IntN(len(runes))])
	}
	return b.String()
}

// oddRequest makes a request as an SDK would: the path strictly encoded, the query encoded as a form.
func oddRequest(rng *rand.Rand) *http.Request {
	path := "/bucket/" + oddText(rng, 20)
	q := url.Values{}
	for range rng.IntN(4) {
		name := "k" + oddText(rng, 4)
		for range 1 + rng.IntN(2) {
			q.Add(name, oddText(rng, 8))
		}
	}
	u := &url.URL{Scheme: "https", Host: "s3.local:9000", Path: path, RawPath: string(appendEscaped(nil, path, true)), RawQuery: q.Encode()}
	r := httptest.NewRequest([]string{"GET", "PUT", "DELETE", "HEAD", "POST"}[rng.IntN(5)], "https://s3.local:9000/", nil)
	r.URL = u
	for range rng.IntN(4) {
		name := "X-Amz-Meta-" + string(rune('A'+rng.IntN(26)))
		for range 1 + rng.IntN(2) {
			r.Header.Add(name, strings.TrimSpace("v  "+strings.Map(printable, oddText(rng, 10))))
		}
	}
	if rng.IntN(2) == 0 {
		r.Header.Set("Content-Type", "text/plain;  charset=utf-8")
	}
	return r
}

func printable(r rune) rune {
	if r < 0x20 || r > 0x7e {
		return -1
	}
	return r
}

// received is the request as our server sees it after the transport carried it.
func received(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	in := httptest.NewRequest(r.Method, r.URL.String(), nil)
	in.Host = hostOf(r)
	in.RequestURI = r.URL.RequestURI()
	in.Header = r.Header.Clone()
	in.ContentLength = r.ContentLength
	return in
}

func TestAWSSignerAndWeAgree(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	theirs := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	credentials := aws.Credentials{AccessKeyID: docKey, SecretAccessKey: docSecret}
	for i := range 500 {
		r := oddRequest(rng)
		ours := r.Clone(context.Background())
		r.Header.Set("X-Amz-Content-Sha256", payloadUnsigned)
		if err := theirs.SignHTTP(context.Background(), credentials, r, payloadUnsigned, "s3", "us-east-1", docTime); err != nil {
			t.Fatal(err)
		}
		if _, err := judge(docVerifier(), received(t, r)); err != nil {
			t.Fatalf("%d: %s %s: %v\n%s", i, r.Method, r.URL, err, AsError(err).XML("", "", ""))
		}
		mine, err := docSigner().SignHeader(ours, payloadUnsigned)
		// The SDK sorts names and values before it encodes them, which differs from the specification's order for
		// characters below "%".
		sent := r.URL.RawQuery
		inOrder := bytes.Equal(appendCanonicalQuery(nil, sent, "", true), appendCanonicalQuery(nil, sent, "", false))
		if err != nil || inOrder && !strings.HasSuffix(r.Header.Get("Authorization"), mine) {
			t.Fatalf("%d: %s %s: signatures differ: %s, theirs %s", i, r.Method, r.URL, mine, r.Header.Get("Authorization"))
		}
	}
}

func TestAWSPresignerIsAccepted(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	theirs := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	credentials := aws.Credentials{AccessKeyID: docKey, SecretAccessKey: docSecret}
	for i := range 300 {
		r := oddRequest(rng)
		q := r.URL.Query()
		q.Set("X-Amz-Expires", "600")
		r.URL.RawQuery = q.Encode()
		uri, header, err := theirs.PresignHTTP(context.Background(), credentials, r, payloadUnsigned, "s3", "us-east-1", docTime)
		if err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRequest(r.Method, uri, nil)
		in.Header = header.Clone()
		if _, err := judge(docVerifier(), in); err != nil {
			t.Fatalf("%d: %s %s: %v\n%s", i, r.Method, uri, err, AsError(err).XML("", "", ""))
		}
	}
}

// minio-go signs with the clock of the machine.
func TestMinioSignerIsAccepted(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	v := NewVerifier(Verifier{Regions: []string{"holdfast"}})
	for i := range 300 {
		r := oddRequest(rng)
		r.RequestURI = ""
		var in *http.Request
		if i%2 == 0 {
			r.Header.Set("X-Amz-Content-Sha256", payloadUnsigned)
			in = received(t, signer.SignV4(*r, docKey, docSecret, "", "holdfast"))
		} else {
			out := signer.PreSignV4(*r, docKey, docSecret, "", "holdfast", 600)
			in = received(t, out)
			in.Header = r.Header.Clone()
			delete(in.Header, "Content-Type")
			if len(r.Header["Content-Type"]) > 0 {
				in.Header["Content-Type"] = r.Header["Content-Type"]
			}
		}
		if _, err := judge(v, in); err != nil {
			t.Fatalf("%d: %s %s: %v\n%s", i, r.Method, r.URL, err, AsError(err).XML("", "", ""))
		}
	}
}

func TestMinioStreamingBodyIsAccepted(t *testing.T) {
	t.Parallel()
	for _, trailer := range []bool{false, true} {
		for _, size := range []int{0, 1, 65535, 65536, 200_000} {
			data := bytes.Repeat([]byte("m"), size)
			r := httptest.NewRequest("PUT", "http://s3.local/bucket/key", nil)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(size)
			if trailer {
				r.Trailer = http.Header{"X-Amz-Checksum-Crc32c": {(Checksum{Sum: sumText(CRC32C, string(data))}).String()}}
			}
			out := signer.StreamingSignV4(r, docKey, docSecret, "", "holdfast", int64(size), time.Now(), sha256Hasher{sha256.New()})
			in := received(t, out)
			in.Body = out.Body
			v := NewVerifier(Verifier{})
			a, err := judge(v, in)
			if err != nil {
				t.Fatalf("%d bytes, trailer %v: %v\n%s", size, trailer, err, AsError(err).XML("", "", ""))
			}
			b, err := NewBody(in, &a, BodyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(b)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("%d bytes, trailer %v: %d back, %v", size, trailer, len(got), err)
			}
			if trailer != (b.Checksum().Algorithm == CRC32C) {
				t.Errorf("checksum %v", b.Checksum())
			}
		}
	}
}

// sha256Hasher is the hash that minio-go wants to be lent.
type sha256Hasher struct{ hash.Hash }

func (sha256Hasher) Close() {}

// The secret of another key must never do, whoever signed.
func TestRandomRequestsOfAnotherKeyAreRefused(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		r := oddRequest(rng)
		if _, err := docSigner().SignHeader(r, ""); err != nil {
			t.Fatal(err)
		}
		in := received(t, r)
		v := docVerifier()
		a, err := v.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify(in, &a, secret.New("another")); codeOf(err) != SignatureDoesNotMatch {
			t.Fatalf("%v", err)
		}
		in.URL.Path += "x"
		if err := v.Verify(in, &a, secret.New(docSecret)); codeOf(err) != SignatureDoesNotMatch {
			t.Fatalf("another path: %v", err)
		}
	}
}
