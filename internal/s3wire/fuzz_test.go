package s3wire

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"holdfast/internal/secret"
)

// Whatever a client sends, Parse and Verify neither panic nor accept: no fuzzer has the secret.
func FuzzAuthentication(f *testing.F) {
	good := signed(f, "GET", "http://s3.local/bucket/a%2Fb?x=1&y")
	f.Add("GET", "/bucket/a%2Fb?x=1&y", good.Header.Get("Authorization"), "20130524T000000Z", emptySHA256)
	f.Add("GET", presigned(f, "GET", "http://s3.local/b/k?a=+%20", time.Hour).URL.RequestURI(), "", "", "")
	f.Add("PUT", "/b/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999", "Bearer x", "", payloadUnsignedTrailer)
	f.Add("PUT", "/?a;b&%zz=%", "AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws4_request,SignedHeaders=host;x-amz-date,Signature="+strings.Repeat("0", 64), "20130524T000000Z", payloadSigned)
	v := NewVerifier(Verifier{SigV2: true, Hosts: []string{"files.example.com"}, Now: func() time.Time { return docTime }})
	f.Fuzz(func(t *testing.T, method, target, authorization, date, digest string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: method, URL: u, Host: "bucket.files.example.com", Header: http.Header{}}
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Content-Sha256": digest} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		a, err := v.Parse(r)
		if err != nil {
			if AsError(err).Code == InternalError {
				t.Fatalf("not an S3 error: %v", err)
			}
			return
		}
		err = v.Verify(r, &a, secret.New("a secret that no fuzzer knows"))
		if (err == nil) != (a.Scheme == Anonymous) {
			t.Fatalf("%s: %v", a.Scheme, err)
		}
	})
}

// What we sign we accept, after the transport read it back from the wire.
func FuzzSignedRequestsComeThrough(f *testing.F) {
	f.Add("/bucket/key", "a=1", "v", true)
	f.Add("/b/ +%/ü//..", "q=%2F&&q=&q;", "  a  b ", false)
	f.Fuzz(func(t *testing.T, path, query, meta string, inQuery bool) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(meta, "\r\n\x00") || checkQuery(query) != nil || strings.ContainsAny(query, " #\r\n") {
			return
		}
		r := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "s3.local", Path: path, RawQuery: query}, Header: http.Header{}}
		r.Header.Set("X-Amz-Meta-A", meta)
		var err error
		if inQuery {
			var text string
			if text, err = docSigner().Presign(r, time.Hour); err == nil {
				r.URL, err = url.Parse(text)
			}
		} else {
			_, err = docSigner().SignHeader(r, "")
		}
		if err != nil {
			return // a URL that cannot be written
		}
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			return // not a request that can be sent
		}
		in, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil || in.URL.Path != path {
			return
		}
		if strings.Contains(query, "X-Amz-") || strings.Contains(query, "Signature") {
			return // a second proof
		}
		if _, err := judge(docVerifier(), in); err != nil {
			t.Fatalf("%s %v: %v", in.RequestURI, in.Header, err)
		}
	})
}

// The decoder never panics, never hands out more than was announced, and says io.EOF only to what it could re-encode.
func FuzzChunkReader(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), int64(5), false, false)
	f.Add([]byte("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"), int64(5), false, true)
	_, body := encoded(f, PayloadSignedChunksTrailer, []byte("hello"), 8192, CRC32)
	f.Add(body, int64(5), true, true)
	f.Add([]byte("0\r\n\r\n"), int64(0), false, false)
	f.Fuzz(func(t *testing.T, body []byte, size int64, isSigned, trailer bool) {
		if size < 0 {
			return
		}
		a := Auth{Payload: PayloadUnsignedChunksTrailer, stamp: "20130524T000000Z", scope: "20130524/us-east-1/s3/aws4_request"}
		if isSigned {
			a.Payload, a.key = PayloadSignedChunksTrailer, newSignKey(secret.New(docSecret), "20130524", "us-east-1")
		}
		var algorithm Algorithm
		if trailer {
			algorithm = CRC32
		}
		for _, src := range []io.Reader{bytes.NewReader(body), iotest.OneByteReader(bytes.NewReader(body))} {
			c := newChunkReader(src, &a, size, algorithm)
			data, err := io.ReadAll(c)
			if int64(len(data)) > size {
				t.Fatalf("%d bytes of %d", len(data), size)
			}
			if err == nil && int64(len(data)) != size {
				t.Fatalf("end after %d bytes of %d", len(data), size)
			}
			if err != nil && AsError(err).Code == InternalError {
				t.Fatalf("not an S3 error: %v", err)
			}
			if err == nil && isSigned {
				t.Fatal("a forged signature was accepted")
			}
		}
	})
}

// What our encoder writes our decoder reads, whatever the data, the sizes and the way it arrives.
func FuzzChunksRoundTrip(f *testing.F) {
	f.Add([]byte("hello"), uint16(8192), uint8(0), uint8(0))
	f.Add(bytes.Repeat([]byte("x"), 20000), uint16(8193), uint8(1), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, size uint16, mode, sum uint8) {
		payload := PayloadSignedChunks + Payload(mode%3)
		var trailer Algorithm
		if payload.Trailer() {
			trailer = append(Algorithms(), "")[int(sum)%(len(Algorithms())+1)]
		}
		r, body := encoded(t, payload, data, max(int(size), minChunk), trailer)
		b, err := openBody(t, r, body, BodyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s, %d bytes: %d back, %v", payload, len(data), len(got), err)
		}
		if len(body) > 0 {
			body[len(body)/2] ^= 1
			if b, err = openBody(t, r, body, BodyOptions{}); err == nil {
				_, err = io.ReadAll(b)
			}
			if err == nil && (payload.signedChunks() || trailer != "") {
				t.Fatalf("%s, %q: a flipped bit was accepted", payload, trailer)
			}
		}
	})
}

// Documents from clients are read within bounds or refused.
func FuzzXML(f *testing.F) {
	f.Add(`<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>`)
	f.Add(`<CompleteMultipartUpload xmlns="` + Namespace + `"><Part><PartNumber>1</PartNumber><ETag>e</ETag></Part></CompleteMultipartUpload>`)
	f.Add(`<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>`)
	f.Add(`<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>`)
	f.Add(`<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`)
	f.Add(`<AccessControlPolicy><Owner><ID>a</ID></Owner><AccessControlList><Grant><Grantee/><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>`)
	f.Add(`<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range []any{
			new(Delete), new(CompleteMultipartUpload), new(Tagging), new(CORSConfiguration), new(VersioningConfiguration),
			new(AccessControlPolicy), new(CreateBucketConfiguration), new(OwnershipControls),
		} {
			err := DecodeXML(strings.NewReader(text), v)
			if err != nil && AsError(err).Code == InternalError {
				t.Fatalf("%T: not an S3 error: %v", v, err)
			}
			if d, ok := v.(*Delete); ok && len(d.Objects) > MaxDelete {
				t.Fatal("too many objects")
			}
			if err == nil {
				if _, err := EncodeXML(v); err != nil {
					t.Fatalf("%T does not go back: %v", v, err)
				}
			}
		}
	})
}

// A policy is understood or refused, and what it allows is covered.
func FuzzPolicy(f *testing.F) {
	f.Add(`{"expiration":"2013-05-25T00:00:00Z","conditions":[{"bucket":"b"},["starts-with","$key","a"],["content-length-range",1,2]]}`, "a", "private")
	f.Fuzz(func(t *testing.T, document, key, acl string) {
		p, err := ParsePolicy(base64.StdEncoding.EncodeToString([]byte(document)))
		if err != nil {
			if code := AsError(err).Code; code != InvalidPolicyDocument {
				t.Fatalf("%v", err)
			}
			return
		}
		form := &Form{fields: map[string]string{"key": key, "acl": acl}}
		if p.Check(form, "b", docTime) != nil {
			return
		}
		for _, name := range []string{"$bucket", "$key", "$acl", "bucket", "key", "acl"} {
			if strings.Contains(strings.ToLower(document), name) {
				return
			}
		}
		if !strings.Contains(document, `\u`) {
			t.Fatalf("%s allowed key %q, acl %q", document, key, acl)
		}
	})
}

// A form is read or refused; the file comes out as it went in.
func FuzzForm(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a\"\r\n\r\nhello\r\n--b--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/b", bytes.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		form, err := ReadForm(r)
		if err != nil {
			if AsError(err).Code == InternalError {
				t.Fatalf("not an S3 error: %v", err)
			}
			return
		}
		if strings.ContainsAny(form.FileName, "/") {
			t.Fatalf("file name %q", form.FileName)
		}
		b, err := form.Body(nil, BodyOptions{MaxSize: 100})
		if err != nil {
			return
		}
		if data, _ := io.ReadAll(b); len(data) > 100 || !bytes.Contains(body, data) {
			t.Fatalf("%d bytes", len(data))
		}
	})
}

// A copy source is refused or names a bucket and key that S3 takes, and comes back from its own spelling.
func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"/b/k", "bucket/a%20b?versionId=1", "bucket/%ff", "bucket/a?versionId=%zz", "abc//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		c, err := ParseCopySource(header)
		if err != nil {
			return
		}
		if CheckBucketName(c.Bucket) != nil || CheckKey(c.Key) != nil {
			t.Fatalf("%q: %+v", header, c)
		}
		if back, err := ParseCopySource(c.String()); err != nil || back != c {
			t.Fatalf("%q: %s: %+v, %v", header, c, back, err)
		}
	})
}

// A range lies inside the object.
func FuzzRange(f *testing.F) {
	f.Add("bytes=0-9", int64(5))
	f.Add("bytes=-5", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		if r, ok, err := ParseRange(header, size); ok && (err != nil || r.Offset < 0 || r.Length < 1 || r.Offset+r.Length > size) {
			t.Fatalf("%q of %d: %+v %v", header, size, r, err)
		}
		if r, err := ParseCopyRange(header, size); err == nil && (r.Offset < 0 || r.Offset+r.Length > size) {
			t.Fatalf("%q of %d: %+v", header, size, r)
		}
	})
}
