package s3api_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

const corsDocument = `<CORSConfiguration><CORSRule><AllowedOrigin>https://app.example.com</AllowedOrigin>
<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader>
<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds></CORSRule></CORSConfiguration>`

// S0-40: pages of the named origin may read and upload, see the answer, and see why they were refused; others may not.
func TestPagesOfANamedOriginMayReadAndUpload(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.do("PUT", "/bkt?cors", corsDocument).want(t, 200, "")
	ask := func(origin, method string) answer {
		return c.stranger("OPTIONS", "/bkt/k", "", "Origin: "+origin, "Access-Control-Request-Method: "+method, "Access-Control-Request-Headers: content-type,x-amz-date")
	}
	a := ask("https://app.example.com", "PUT")
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		a.header.Get("Access-Control-Allow-Headers") != "content-type, x-amz-date" || a.header.Get("Access-Control-Max-Age") != "600" {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	ask("https://app.example.com", "DELETE").want(t, 403, "AccessForbidden")
	ask("https://evil.example.com", "PUT").want(t, 403, "AccessForbidden")
	for _, a := range []answer{
		c.do("PUT", "/bkt/k", "x", "Origin: https://app.example.com"), c.do("GET", "/bkt/k", "", "Origin: https://app.example.com"),
		c.do("GET", "/bkt/missing", "", "Origin: https://app.example.com"),
	} {
		if a.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" || !strings.Contains(a.header.Get("Vary"), "Origin") ||
			a.header.Get("Access-Control-Expose-Headers") != "ETag" {
			t.Errorf("%d: %v", a.status, a.header)
		}
	}
	if a := c.do("GET", "/bkt/k", "", "Origin: https://evil.example.com"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin was let in: %v", a.header)
	}
}

// A wildcard never comes with credentials.
func TestAWildcardOriginHasNoCredentials(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.do("PUT", "/bkt?cors", strings.Replace(corsDocument, "https://app.example.com", "*", 1)).want(t, 200, "")
	a := c.do("GET", "/bkt/k", "", "Origin: https://any.example.com")
	if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", a.header)
	}
}

// Links of signature version 2, as a django-storages without a region makes them, are good for GET where they are
// switched on, and nowhere else.
func TestLinksOfVersion2AreAnOptIn(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		e := s3apitest.Start(t, s3apitest.Options{Config: func(c *s3api.Config) { c.SigV2 = on }})
		c := newClient(t, e)
		c.mustBucket("bkt")
		c.mustPut("/bkt/k", "old link")
		sign := func(method string, expires time.Time) string {
			mac := hmac.New(sha1.New, []byte(c.key.Secret.Reveal()))
			fmt.Fprintf(mac, "%s\n\n\n%d\n/bkt/k", method, expires.Unix())
			q := url.Values{"AWSAccessKeyId": {c.key.ID}, "Expires": {fmt.Sprint(expires.Unix())}, "Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
			return e.URL + "/bkt/k?" + q.Encode()
		}
		link := sign("GET", time.Now().Add(time.Minute))
		a := c.open("GET", link, "")
		if good := a.status == 200 && a.body == "old link"; good != on {
			t.Errorf("sigv2 = %v: %d %s", on, a.status, a.body)
		}
		for name, refused := range map[string]answer{
			"PUT": c.open("PUT", sign("PUT", time.Now().Add(time.Minute)), "x"), "tampered": c.open("GET", strings.Replace(link, "Expires=", "Expires=1", 1), ""),
			"expired": c.open("GET", sign("GET", time.Now().Add(-time.Minute)), ""),
		} {
			if refused.status < 400 || refused.status > 403 {
				t.Errorf("sigv2 = %v, %s: %d %s", on, name, refused.status, refused.body)
			}
		}
		c.holds("bkt", "k")
	}
}
