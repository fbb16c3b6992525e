package s3wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"holdfast/internal/secret"
)

// streamingExample is the example of a chunked upload in S3's documentation: 65 KiB of "a" in chunks of 64 KiB.
func streamingExample(payload, signature string, more map[string]string) *http.Request {
	r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", nil)
	r.Host = "s3.amazonaws.com"
	signed := []string{"content-encoding", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length", "x-amz-storage-class"}
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	for name, value := range more {
		r.Header.Set(name, value)
		signed = append(signed, name)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+docKey+"/20130524/us-east-1/s3/aws4_request,SignedHeaders="+
		sortedList(signed)+",Signature="+signature)
	return r
}

func sortedList(names []string) string {
	h := http.Header{}
	for _, n := range names {
		h.Set(n, "")
	}
	list := signableHeaders(h) // leaves content-length out, as our signer does
	if _, ok := h["Content-Length"]; ok {
		list = strings.Replace(list, "host;", "content-length;host;", 1)
	}
	return list
}

func TestPublishedChunkedUploadIsAccepted(t *testing.T) {
	t.Parallel()
	r := streamingExample(payloadSigned, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		map[string]string{"content-length": "66824"})
	body := "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" + strings.Repeat("a", 65536) +
		"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" + strings.Repeat("a", 1024) +
		"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
	checkPublishedBody(t, r, body)
	if n := EncodedSize(PayloadSignedChunks, 66560, 65536, ""); n != 66824 || n != int64(len(body)) {
		t.Errorf("encoded size %d, published 66824", n)
	}
}

func TestPublishedChunkedUploadWithTrailerIsAccepted(t *testing.T) {
	t.Parallel()
	r := streamingExample(payloadSignedTrailer, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		map[string]string{"x-amz-trailer": "x-amz-checksum-crc32c"})
	body := "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" + strings.Repeat("a", 65536) +
		"\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" + strings.Repeat("a", 1024) +
		"\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\n\r\n" +
		"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
	checkPublishedBody(t, r, body)
}

func checkPublishedBody(t *testing.T, r *http.Request, body string) {
	t.Helper()
	a := checkGenuine(t, docVerifier(), r, "seed")
	open := func(text string) *Body {
		r.Body = io.NopCloser(iotest.HalfReader(strings.NewReader(text)))
		b, err := NewBody(r, &a, BodyOptions{MD5: true})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	data, err := io.ReadAll(open(body))
	if err != nil || string(data) != strings.Repeat("a", 66560) {
		t.Fatalf("decoded %d bytes: %v", len(data), err)
	}
	for _, at := range []int{5, 30, 200, 65700, len(body) - 40, len(body) - 3} {
		broken := []byte(body)
		broken[at] ^= 1
		if _, err := io.ReadAll(open(string(broken))); err == nil {
			t.Errorf("a flipped bit at %d was accepted", at)
		}
	}
}

// encoded returns a request with a body made by our own signer, ready to be verified.
func encoded(t testing.TB, payload Payload, data []byte, size int, trailer Algorithm) (*http.Request, []byte) {
	t.Helper()
	r := httptest.NewRequest("PUT", "http://s3.local/bucket/key", nil)
	r.Header.Set("X-Amz-Decoded-Content-Length", fmt.Sprint(len(data)))
	if trailer != "" {
		r.Header.Set("X-Amz-Trailer", trailer.headerName())
	}
	s := docSigner()
	seed, err := s.SignHeader(r, payload.String())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := s.NewChunkWriter(&b, payload, seed, r, size, trailer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n := EncodedSize(payload, int64(len(data)), size, trailer); n != int64(b.Len()) {
		t.Errorf("%s, %d bytes: encoded size foretold %d, is %d", payload, len(data), n, b.Len())
	}
	return r, b.Bytes()
}

func openBody(t testing.TB, r *http.Request, body []byte, o BodyOptions) (*Body, error) {
	t.Helper()
	a, err := docVerifier().Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := docVerifier().Verify(r, &a, secret.New(docSecret)); err != nil {
		t.Fatal(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return NewBody(r, &a, o)
}

func TestEveryChunkEncodingComesBack(t *testing.T) {
	t.Parallel()
	for _, payload := range []Payload{PayloadSignedChunks, PayloadSignedChunksTrailer, PayloadUnsignedChunksTrailer} {
		for _, n := range []int{0, 1, 8191, 8192, 8193, 100_000} {
			for _, trailer := range append(Algorithms(), "") {
				if trailer != "" && !payload.Trailer() {
					continue
				}
				data := bytes.Repeat([]byte("x"), n)
				r, body := encoded(t, payload, data, 8192, trailer)
				b, err := openBody(t, r, body, BodyOptions{SHA256: true})
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(b)
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s, %d bytes, %q: %d bytes back, %v", payload, n, trailer, len(got), err)
				}
				if b.Proven() != (payload != PayloadUnsignedChunksTrailer) {
					t.Fatalf("%s: proven %t", payload, b.Proven())
				}
				if b.Checksum().Algorithm != trailer || b.N() != int64(n) || b.Size() != int64(n) {
					t.Fatalf("%s: checksum %v, n %d", payload, b.Checksum(), b.N())
				}
			}
		}
	}
}

func TestBrokenChunkEncodingsAreRefused(t *testing.T) {
	t.Parallel()
	const crc = "x-amz-checksum-crc64nvme"
	for name, test := range map[string]struct {
		length, trailer, body string
		code                  Code
	}{
		"fine":                   {"5", crc, "5\r\nhello\r\n0\r\n" + crc + ":M3eFcAZSQlc=\r\n\r\n", ""},
		"fine without trailer":   {"5", "", "5\r\nhello\r\n0\r\n\r\n", ""},
		"trailer missing":        {"5", crc, "5\r\nhello\r\n0\r\n\r\n", MalformedTrailer},
		"trailer without name":   {"5", crc, "5\r\nhello\r\n0\r\n:M3eFcAZSQlc=\r\n\r\n", MalformedTrailer},
		"trailer not announced":  {"5", "", "5\r\nhello\r\n0\r\n" + crc + ":M3eFcAZSQlc=\r\n\r\n", MalformedTrailer},
		"trailer of other name":  {"5", crc, "5\r\nhello\r\n0\r\ninvalid:M3eFcAZSQlc=\r\n\r\n", MalformedTrailer},
		"two trailers":           {"5", crc, "5\r\nhello\r\n0\r\n" + crc + ":M3eFcAZSQlc=\r\n" + crc + ":M3eFcAZSQlc=\r\n\r\n", MalformedTrailer},
		"trailer not a checksum": {"5", crc, "5\r\nhello\r\n0\r\n" + crc + ":invalid\r\n\r\n", InvalidRequest},
		"trailer wrong":          {"5", crc, "5\r\nhello\r\n0\r\n" + crc + ":QFRKMGE3tuw=\r\n\r\n", BadDigest},
		"length missing":         {"", "", "5\r\nhello\r\n0\r\n\r\n", MissingContentLength},
		"length no number":       {"12x", "", "5\r\nhello\r\n0\r\n\r\n", MissingContentLength},
		"length negative":        {"-5", "", "5\r\nhello\r\n0\r\n\r\n", MissingContentLength},
		"shorter than announced": {"6", "", "5\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"longer than announced":  {"4", "", "5\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"bare line feed":         {"5", "", "5\nhello\r\n0\r\n\r\n", IncompleteBody},
		"no line end":            {"5", "", "5\r\nhello0\r\n\r\n", IncompleteBody},
		"no last line end":       {"5", "", "5\r\nhello\r\n0\r\n", IncompleteBody},
		"no last chunk":          {"5", "", "5\r\nhello\r\n", IncompleteBody},
		"cut in data":            {"5", "", "5\r\nhel", IncompleteBody},
		"nothing":                {"5", "", "", IncompleteBody},
		"no hex":                 {"5", "", "J\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"empty size":             {"5", "", "\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"negative size":          {"5", "", "-5\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"huge size":              {"5", "", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"long header":            {"5", "", "5" + strings.Repeat(" ", 5000) + "\r\nhello\r\n0\r\n\r\n", IncompleteBody},
		"more behind":            {"5", "", "5\r\nhello\r\n0\r\n\r\nmore", IncompleteBody},
		"small chunk in between": {"10", "", "5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n", InvalidChunkSizeError},
	} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(test.body))
		r.Header.Set("X-Amz-Content-Sha256", payloadUnsignedTrailer)
		if test.length != "" {
			r.Header.Set("X-Amz-Decoded-Content-Length", test.length)
		}
		if test.trailer != "" {
			r.Header.Set("X-Amz-Trailer", test.trailer)
		}
		a, err := docVerifier().Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBody(r, &a, BodyOptions{})
		if err == nil {
			_, err = io.ReadAll(b)
		}
		if got := codeOf(err); got != test.code {
			t.Errorf("%s: %q, want %q (%v)", name, got, test.code, err)
		}
	}
}

func TestWholeBodiesAreChecked(t *testing.T) {
	t.Parallel()
	const hello = "hello"
	sha := fmt.Sprintf("%x", sumText(SHA256, hello))
	for name, test := range map[string]struct {
		header map[string]string
		length int64
		o      BodyOptions
		code   Code
	}{
		"nothing said":    {nil, 5, BodyOptions{}, ""},
		"digest":          {map[string]string{"X-Amz-Content-Sha256": sha}, 5, BodyOptions{}, ""},
		"wrong digest":    {map[string]string{"X-Amz-Content-Sha256": emptySHA256}, 5, BodyOptions{}, XAmzContentSHA256Mismatch},
		"md5":             {map[string]string{"Content-Md5": "XUFAKrxLKna5cZ2REBfFkg=="}, 5, BodyOptions{}, ""},
		"wrong md5":       {map[string]string{"Content-Md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, 5, BodyOptions{}, BadDigest},
		"no md5":          {map[string]string{"Content-Md5": "hello"}, 5, BodyOptions{}, InvalidDigest},
		"empty md5":       {map[string]string{"Content-Md5": ""}, 5, BodyOptions{}, InvalidDigest},
		"checksum":        {map[string]string{"X-Amz-Checksum-Crc64nvme": "M3eFcAZSQlc="}, 5, BodyOptions{}, ""},
		"wrong checksum":  {map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}, 5, BodyOptions{}, BadDigest},
		"of other":        {map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}, 5, BodyOptions{OtherChecksum: true}, ""},
		"composite":       {map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA==-2"}, 5, BodyOptions{}, InvalidRequest},
		"trailer unsaid":  {map[string]string{"X-Amz-Trailer": "x-amz-checksum-crc32"}, 5, BodyOptions{}, InvalidRequest},
		"too long":        {nil, 5, BodyOptions{MaxSize: 4}, EntityTooLarge},
		"too long unsaid": {nil, -1, BodyOptions{MaxSize: 4}, EntityTooLarge},
		"as allowed":      {nil, -1, BodyOptions{MaxSize: 5}, ""},
		"too short":       {nil, -1, BodyOptions{MinSize: 6}, EntityTooSmall},
		"cut off":         {nil, 6, BodyOptions{}, IncompleteBody},
		"more than said":  {nil, 4, BodyOptions{}, IncompleteBody},
		"length unsaid":   {nil, -1, BodyOptions{NeedLength: true}, MissingContentLength},
	} {
		r := httptest.NewRequest("PUT", "/b/k", strings.NewReader(hello))
		r.ContentLength = test.length
		for k, v := range test.header {
			r.Header.Set(k, v)
		}
		a, err := docVerifier().Parse(r)
		if err != nil {
			t.Fatal(err)
		}
		b, err := NewBody(r, &a, test.o)
		var data []byte
		if err == nil {
			data, err = io.ReadAll(b)
		}
		if got := codeOf(err); got != test.code {
			t.Errorf("%s: %q, want %q (%v)", name, got, test.code, err)
		}
		if test.o.MaxSize > 0 && int64(len(data)) > test.o.MaxSize || test.length >= 0 && int64(len(data)) > test.length {
			t.Errorf("%s: %d bytes handed out", name, len(data))
		}
	}
}

func TestBodyHandsOutDigestsAndChecksum(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("PUT", "/b/k", strings.NewReader("the object data"))
	b, err := NewBody(r, &Auth{}, BodyOptions{MD5: true, SHA256: true, Algorithm: CRC32C})
	if err != nil || b.Algorithm() != CRC32C || b.Size() != 15 {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, b); err != nil {
		t.Fatal(err)
	}
	if b.Checksum().String() != "rxvjPA==" || (Checksum{Algorithm: MD5, Sum: b.MD5()}).String() != "EtWtthXtCk3RxUiXKw+ydw==" ||
		(Checksum{Algorithm: SHA256, Sum: b.SHA256()}).String() != "OoSow5X4zTIPl27MtdFdYT+9O3C367C75+Cb2MFtRBc=" {
		t.Errorf("%s %x %x", b.Checksum(), b.MD5(), b.SHA256())
	}
}

func TestReadErrorsOfTheConnectionAreNotS3Errors(t *testing.T) {
	t.Parallel()
	cause := errors.New("reset")
	for err, code := range map[error]Code{cause: InternalError, os.ErrDeadlineExceeded: RequestTimeout, io.ErrUnexpectedEOF: IncompleteBody} {
		r := httptest.NewRequest("PUT", "/b/k", iotest.ErrReader(err))
		b, _ := NewBody(r, &Auth{}, BodyOptions{})
		_, got := io.ReadAll(b)
		if AsError(got).Code != code || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
		if _, again := b.Read(make([]byte, 1)); again != got { //nolint:errorlint // the very same
			t.Errorf("second read: %v", again)
		}
	}
}

func sumText(a Algorithm, s string) []byte {
	h := a.New()
	h.Write([]byte(s))
	return h.Sum(nil)
}
