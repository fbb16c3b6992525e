package s3api_test

import (
	"bytes"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"holdfast/internal/s3api/s3apitest"
	"holdfast/internal/s3wire"
)

// postForm sends an upload form as a browser does.
func (c client) postForm(target string, fields map[string]string, name, content string) answer {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if err := w.WriteField(k, fields[k]); err != nil {
			c.t.Fatal(err)
		}
	}
	f, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return c.stranger(http.MethodPost, target, b.String(), "Content-Type: "+w.FormDataContentType())
}

// policy returns the fields of a form that may store keys below up/ of the bucket.
func (c client) policy(b s3wire.PolicyBuilder) map[string]string {
	c.t.Helper()
	if b.Expiration.IsZero() {
		b.Expiration = time.Now().Add(time.Minute)
	}
	fields, err := c.signer().SignPolicy(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return fields
}

// S1-46: a browser uploads straight to the store, within the limits that the application signed, and not beyond.
func TestAnUploadFormKeepsItsPolicy(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("forms")
	c.mustBucket("other")
	builder := s3wire.PolicyBuilder{
		Bucket: "forms", KeyPrefix: "up/", MinSize: 2, MaxSize: 8, Equal: map[string]string{"success_action_status": "201"},
		StartsWith: map[string]string{"Content-Type": "image/"},
	}
	fields := func(more ...string) map[string]string {
		f := c.policy(builder)
		f["key"], f["Content-Type"], f["success_action_status"] = "up/${filename}", "image/png", "201"
		for i := 0; i < len(more); i += 2 {
			f[more[i]] = more[i+1]
		}
		return f
	}
	a := c.postForm("/forms", fields(), "a.png", "picture")
	a.want(t, http.StatusCreated, "")
	if a.element("Key") != "up/a.png" || a.element("ETag") == "" {
		t.Errorf("answer %s", a.body)
	}
	a = c.postForm("/forms", fields(), "a b+ü.png", "picture")
	at, err := url.Parse(a.header.Get("Location"))
	if err != nil || at.Path != "/forms/up/a b+ü.png" || a.element("Location") != at.String() {
		t.Errorf("the object is said to be at %v: %v", at, err)
	}
	if got := c.do("GET", "/forms/up/a.png", ""); got.body != "picture" || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("stored %+v", got)
	}
	c.postForm("/forms", fields(), "b.png", "too long a picture").want(t, http.StatusBadRequest, "EntityTooLarge")
	c.postForm("/forms", fields(), "b.png", "1").want(t, http.StatusBadRequest, "EntityTooSmall")
	c.postForm("/forms", fields("Content-Type", "text/html"), "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	c.postForm("/forms", fields("key", "down/b"), "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	c.postForm("/forms", fields("acl", "public-read"), "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	c.postForm("/forms", fields("x-amz-signature", "00"), "b.png", "picture").want(t, http.StatusForbidden, "SignatureDoesNotMatch")
	c.postForm("/forms", fields("policy", ""), "b.png", "picture").want(t, http.StatusForbidden, "SignatureDoesNotMatch")
	c.postForm("/other", fields(), "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	builder.Expiration = time.Now().Add(-time.Second)
	c.postForm("/forms", fields(), "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	c.postForm("/forms", map[string]string{"key": "up/b"}, "b.png", "picture").want(t, http.StatusForbidden, "AccessDenied")
	c.stranger("POST", "/forms", "no form at all").want(t, http.StatusPreconditionFailed, "PreconditionFailed")
	c.holds("forms", "up/a b+ü.png", "up/a.png")
	c.holds("other")
}

// A form cannot smuggle a header into later answers, nor send the browser to a script.
func TestAFormCannotPlantHeaders(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("forms")
	evil := "inline\r\nSet-Cookie: session=1"
	fields := c.policy(s3wire.PolicyBuilder{Bucket: "forms", Key: "k", Equal: map[string]string{"Content-Disposition": evil}})
	fields["Content-Disposition"] = evil
	c.postForm("/forms", fields, "a", "x").want(t, http.StatusBadRequest, "InvalidArgument")
	c.holds("forms")
	to := "javascript:alert(1)"
	fields = c.policy(s3wire.PolicyBuilder{Bucket: "forms", Key: "k", Equal: map[string]string{"success_action_redirect": to}})
	fields["success_action_redirect"] = to
	if a := c.postForm("/forms", fields, "a", "x"); a.status != http.StatusNoContent || a.header.Get("Location") == to {
		t.Errorf("%d to %q", a.status, a.header.Get("Location"))
	}
}
