package s3api_test

import (
	"net/http"
	"testing"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

func grant(bucket, prefix string, actions ...objects.Action) objects.Policy {
	s := objects.Statement{Buckets: []string{bucket}, Actions: actions}
	if prefix != "" {
		s.Prefixes = []string{prefix}
	}
	return objects.Policy{Statements: []objects.Statement{s}}
}

// What an access key may do is what its policy says, key by key.
func TestAnAccessKeyDoesWhatItsPolicySaysAndNothingElse(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("app")
	c.mustBucket("other")
	c.mustPut("/app/in/a", "x")
	c.mustPut("/app/out/a", "x")
	c.mustPut("/other/a", "x")

	reader := c.as(e.NewKey(t, grant("app", "in/", objects.ActionRead)))
	reader.do("GET", "/app/in/a", "").want(t, 200, "")
	reader.do("GET", "/app/out/a", "").want(t, 403, "AccessDenied")
	reader.do("GET", "/other/a", "").want(t, 403, "AccessDenied")
	reader.do("GET", "/absent-bucket/a", "").want(t, 403, "AccessDenied")
	reader.do("GET", "/app/in/missing", "").want(t, 403, "AccessDenied") // may not list: may not know
	reader.do("GET", "/app?list-type=2&prefix=in/", "").want(t, 403, "AccessDenied")
	reader.do("PUT", "/app/in/b", "x").want(t, 403, "AccessDenied")
	reader.do("PUT", "/app/in/b", "", "X-Amz-Copy-Source: /app/in/a").want(t, 403, "AccessDenied")
	reader.do("DELETE", "/app/in/a", "").want(t, 403, "AccessDenied")
	reader.do("HEAD", "/app", "").want(t, 200, "")
	reader.do("HEAD", "/other", "").want(t, 403, "")
	reader.do("PUT", "/app?versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>").want(t, 403, "AccessDenied")
	if a := reader.do("GET", "/", ""); a.element("Name") != "app" {
		t.Errorf("buckets shown: %s", a.body)
	}

	lister := c.as(e.NewKey(t, grant("app", "in/", objects.ActionRead, objects.ActionList)))
	lister.do("GET", "/app/in/missing", "").want(t, 404, "NoSuchKey")
	lister.do("GET", "/app?list-type=2&prefix=in/", "").want(t, 200, "")
	lister.do("GET", "/app?list-type=2", "").want(t, 403, "AccessDenied")
	lister.do("GET", "/app?list-type=2&prefix=i", "").want(t, 403, "AccessDenied")

	writer := c.as(e.NewKey(t, grant("app", "in/", objects.ActionWrite)))
	writer.do("PUT", "/app/in/b", "x").want(t, 200, "")
	writer.do("PUT", "/app/in/c", "", "X-Amz-Copy-Source: /app/out/a").want(t, 403, "AccessDenied") // may not read the source
	writer.do("GET", "/app/in/b", "").want(t, 403, "AccessDenied")
	writer.do("PUT", "/new-bucket", "").want(t, 403, "AccessDenied")

	deleter := c.as(e.NewKey(t, grant("app", "in/", objects.ActionDelete)))
	a := deleter.do("POST", "/app?delete", `<Delete><Object><Key>in/b</Key></Object><Object><Key>out/a</Key></Object></Delete>`)
	if a.status != 200 || a.element("Code") != "AccessDenied" {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.holds("app", "in/a", "out/a")
}

// S0-36: keys end when they are revoked or their time is over.
func TestARevokedOrEndedKeyIsUnknown(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	k := e.NewKey(t, s3apitest.Everything())
	c.as(k).mustPut("/bkt/k", "x")
	if err := e.Index.RevokeAccessKey(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	c.as(k).do("GET", "/bkt/k", "").want(t, 403, "InvalidAccessKeyId")
	ended, err := e.Index.CreateAccessKey(t.Context(), "app", s3apitest.Everything(), time.Now().Add(-time.Second))
	if err == nil {
		c.as(ended).do("GET", "/bkt/k", "").want(t, 403, "InvalidAccessKeyId")
	}
}

// A stranger learns nothing about private buckets: whatever is asked, there or not, the answer is the same.
func TestAStrangerLearnsNothingAboutPrivateBuckets(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("private")
	c.mustPut("/private/k", "secret")
	c.do("PUT", "/private/k?acl", "", "X-Amz-Acl: public-read").want(t, 200, "")
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST"} {
		for _, rest := range []string{"", "/k", "/missing", "?acl", "?policy", "?list-type=2", "?versions", "/k?versionId=null", "/k?tagging", "/k?acl", "/k?uploads", "?delete", "?nonsense", "/k?response-content-type=a"} {
			there, absent := c.stranger(method, "/private"+rest, ""), c.stranger(method, "/absent"+rest, "")
			if there.status != absent.status || there.code() != absent.code() || there.status < 400 {
				t.Errorf("%s %s: %d %s for a private bucket, %d %s for none", method, rest, there.status, there.code(), absent.status, absent.code())
			}
		}
	}
	there := c.stranger("OPTIONS", "/private/k", "", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	absent := c.stranger("OPTIONS", "/absent/k", "", "Origin: https://a.example", "Access-Control-Request-Method: GET")
	if there.status != absent.status || there.code() != absent.code() {
		t.Errorf("preflight: %d %s and %d %s", there.status, there.code(), absent.status, absent.code())
	}
	if a := c.stranger("GET", "/", ""); a.status != 403 {
		t.Errorf("list of buckets: %d", a.status)
	}
}

// S1-33: a public bucket lets strangers read its objects and do nothing else.
func TestStrangersReadPublicObjectsAndDoNothingElse(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.do("PUT", "/pub", "", "X-Amz-Acl: public-read").want(t, 200, "")
	c.mustPut("/pub/k.html", "<script>", "Content-Type: text/html", "Cache-Control: max-age=60")
	a := c.stranger("GET", "/pub/k.html", "")
	if a.status != 200 || a.body != "<script>" || a.header.Get("Cache-Control") != "max-age=60" {
		t.Errorf("%+v", a)
	}
	if a.header.Get("Content-Security-Policy") == "" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("X-Holdfast-Blob") != "" {
		t.Errorf("headers %v", a.header)
	}
	c.stranger("HEAD", "/pub/k.html", "").want(t, 200, "")
	c.stranger("GET", "/pub/k.html?v=3", "").want(t, 200, "")
	c.stranger("GET", "/pub/missing", "").want(t, 403, "AccessDenied")
	c.stranger("GET", "/pub", "").want(t, 403, "AccessDenied")
	c.stranger("GET", "/pub/k.html?tagging", "").want(t, 403, "AccessDenied")
	c.stranger("GET", "/pub/k.html?response-content-type=text/plain", "").want(t, 400, "InvalidRequest")
	c.stranger("PUT", "/pub/k.html", "x").want(t, 403, "AccessDenied")
	c.stranger("DELETE", "/pub/k.html", "").want(t, 403, "AccessDenied")
	c.do("PUT", "/pub?acl", "", "X-Amz-Acl: private").want(t, 200, "")
	c.stranger("GET", "/pub/k.html", "").want(t, 403, "AccessDenied")
}

// What the configuration declares, the API cannot change.
func TestADeclaredBucketIsChangedInTheConfigurationOnly(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	if err := e.Index.CreateBucket(t.Context(), objects.Bucket{Name: "declared", Owner: "config", Declared: true}); err != nil {
		t.Fatal(err)
	}
	c.do("PUT", "/declared?acl", "", "X-Amz-Acl: public-read").want(t, 403, "AccessDenied")
	c.do("DELETE", "/declared", "").want(t, 403, "AccessDenied")
	c.mustPut("/declared/k", "x")
}

// S0-37: one endpoint under several names; a signature for one of them is good for the others, but not for another
// bucket.
func TestEveryPublicNameIsAsGoodAsTheOther(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{Config: func(c *s3api.Config) {
		c.Hosts = []string{"files.example.com", "https://cdn.example.com"}
	}})
	c := newClient(t, e)
	c.mustBucket("bucket")
	c.mustBucket("other")
	c.mustPut("/bucket/k", "x")
	c.mustPut("/other/k", "secret")
	f := func(signed, sent, path string, status int) {
		t.Helper()
		r := c.request(http.MethodGet, path, "")
		r.Host = signed
		if _, err := c.signer().SignHeader(r, ""); err != nil {
			t.Fatal(err)
		}
		r.Host = sent
		if a := c.send(r); a.status != status {
			t.Errorf("signed for %s, sent to %s%s: %d %s", signed, sent, path, a.status, a.code())
		}
	}
	f("files.example.com", "files.example.com", "/bucket/k", 200)
	f("bucket.files.example.com", "bucket.files.example.com", "/k", 200)
	f("cdn.example.com", "files.example.com", "/bucket/k", 200)
	f("bucket.cdn.example.com", "bucket.files.example.com", "/k", 200)
	f("files.example.com", "127.0.0.1:9999", "/bucket/k", 200)
	f("bucket.files.example.com", "other.files.example.com", "/k", 403)
	f("bucket.files.example.com", "files.example.com", "/k", 403)
	f("files.example.com", "bucket.files.example.com", "/k", 403)
	f("evil.example.net", "files.example.com", "/bucket/k", 403)
	f("bucket.evil.example.net", "bucket.files.example.com", "/k", 403)
}

// S0-37: where an object is said to lie has the scheme of the public name, whoever ends TLS in front.
func TestAnObjectIsSaidToLieUnderThePublicName(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{Config: func(c *s3api.Config) {
		c.Hosts = []string{"Files.example.com", "http://plain.example.com"}
	}})
	c := newClient(t, e)
	c.mustBucket("bucket")
	for host, want := range map[string]string{
		"files.example.com":        "https://files.example.com/bucket/a%20b",
		"files.example.com:8443":   "https://files.example.com:8443/bucket/a%20b",
		"bucket.files.example.com": "https://bucket.files.example.com/a%20b",
		"plain.example.com":        "http://plain.example.com/bucket/a%20b",
	} {
		path := "/bucket/a%20b"
		if host == "bucket.files.example.com" {
			path = "/a%20b"
		}
		upload := c.do("POST", path+"?uploads", "", "Host: "+host).element("UploadId")
		part := c.do("PUT", path+"?partNumber=1&uploadId="+upload, "x", "Host: "+host)
		a := c.do("POST", path+"?uploadId="+upload, "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"+
			part.header.Get("ETag")+"</ETag></Part></CompleteMultipartUpload>", "Host: "+host)
		if got := a.element("Location"); got != want {
			t.Errorf("at %s an object lies at %q, want %q", host, got, want)
		}
	}
}
