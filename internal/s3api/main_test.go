package s3api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3api/s3apitest"
	"holdfast/internal/s3wire"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// client sends raw requests to an endpoint, signed by one key.
type client struct {
	t   testing.TB
	e   *s3apitest.Endpoint
	key objects.AccessKey
	now func() time.Time
}

func newClient(t testing.TB, e *s3apitest.Endpoint) client { return client{t, e, e.Key, time.Now} }

// as returns a client that signs with another key.
func (c client) as(k objects.AccessKey) client {
	c.key = k
	return c
}

// at returns a client whose clock is off.
func (c client) at(off time.Duration) client {
	c.now = func() time.Time { return time.Now().Add(off) }
	return c
}

func (c client) signer() *s3wire.Signer {
	return &s3wire.Signer{AccessKey: c.key.ID, Secret: c.key.Secret, Region: c.e.Region, Now: c.now}
}

// request makes a request that is not signed yet. headers are "Name: value" lines.
func (c client) request(method, target, body string, headers ...string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, c.e.URL+target, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	return r
}

// do signs a request with the digest of its body and sends it.
func (c client) do(method, target, body string, headers ...string) answer {
	c.t.Helper()
	r := c.request(method, target, body, headers...)
	sum := sha256.Sum256([]byte(body))
	if _, err := c.signer().SignHeader(r, hex.EncodeToString(sum[:])); err != nil {
		c.t.Fatal(err)
	}
	return c.send(r)
}

// stranger sends a request without a signature.
func (c client) stranger(method, target, body string, headers ...string) answer {
	c.t.Helper()
	return c.send(c.request(method, target, body, headers...))
}

// presign returns a link.
func (c client) presign(method, target string, valid time.Duration) string {
	c.t.Helper()
	link, err := c.signer().Presign(c.request(method, target, ""), valid)
	if err != nil {
		c.t.Fatal(err)
	}
	return link
}

// open sends a request to a link.
func (c client) open(method, link, body string) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, link, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(r)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (c client) send(r *http.Request) answer {
	c.t.Helper()
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// code returns the S3 code of an error document, "" for a success.
func (a answer) code() string {
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	if xml.Unmarshal([]byte(a.body), &doc) != nil {
		return ""
	}
	return doc.Code
}

// want fails the test unless the answer has the status and, for refusals, the code.
func (a answer) want(t testing.TB, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("%d %s, want %d %s\n%s", a.status, a.code(), status, code, a.body)
	}
}

// element returns the text of the first element of that name.
func (a answer) element(name string) string {
	d := xml.NewDecoder(strings.NewReader(a.body))
	for {
		tok, err := d.Token()
		if err != nil {
			return ""
		}
		if s, ok := tok.(xml.StartElement); ok && s.Name.Local == name {
			var text string
			_ = d.DecodeElement(&text, &s)
			return text
		}
	}
}

// mustBucket makes a bucket.
func (c client) mustBucket(name string) {
	c.t.Helper()
	if a := c.do("PUT", "/"+name, ""); a.status != http.StatusOK {
		c.t.Fatalf("make bucket %s: %d %s", name, a.status, a.body)
	}
}

// mustPut stores an object.
func (c client) mustPut(target, body string, headers ...string) answer {
	c.t.Helper()
	a := c.do("PUT", target, body, headers...)
	a.want(c.t, http.StatusOK, "")
	return a
}

// holds fails the test unless the bucket holds exactly these keys.
func (c client) holds(bucket string, keys ...string) {
	c.t.Helper()
	page, err := c.e.Index.List(context.Background(), objects.ListQuery{Bucket: bucket, Limit: 1000})
	if err != nil {
		c.t.Fatal(err)
	}
	var got []string
	for _, o := range page.Objects {
		got = append(got, o.Key)
	}
	if strings.Join(got, "\n") != strings.Join(keys, "\n") {
		c.t.Errorf("the bucket holds %q, want %q", got, keys)
	}
}

// escape writes a key as it stands in a path.
func escape(key string) string {
	return (&url.URL{Path: key}).EscapedPath()
}

// pattern returns n bytes that tell their place.
func pattern(n int) string {
	return string(bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n])
}

// waitInFlight waits until the endpoint has counted that many bytes of uploads.
func (c client) waitInFlight(n int64) {
	c.t.Helper()
	lifecycletest.Eventually(c.t, 5*time.Second, func() error {
		if got := c.e.Server.Status().InFlight; got != n {
			return fmt.Errorf("%d bytes in flight, want %d", got, n)
		}
		return nil
	})
}
