package s3api

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"holdfast/internal/s3wire"
)

func TestEveryRequestFindsItsOperationOrARefusalByName(t *testing.T) {
	t.Parallel()
	rt := newRouter()
	levels := map[string]level{"/": service, "/b": bucket, "/b/k": object}
	f := func(request, want string) {
		t.Helper()
		method, target, _ := strings.Cut(request, " ")
		target, header, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, target, nil)
		if header != "" {
			r.Header.Set(copySourceHeader, header)
		}
		q, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		op, err := rt.find(r, levels[r.URL.Path], q, false)
		if err != nil {
			got = string(s3wire.AsError(err).Code)
		} else {
			got = op.Name
		}
		if got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
	f("GET /", "ListBuckets")
	f("GET /?x-id=ListBuckets", "ListBuckets")
	f("POST /", "MethodNotAllowed")
	f("PATCH /b/k", "MethodNotAllowed")
	f("GET /b", "ListObjects")
	f("GET /b?list-type=2&prefix=a", "ListObjectsV2")
	f("GET /b?location", "GetBucketLocation")
	f("GET /b?policy", "GetBucketPolicy")
	f("GET /b?versions&uploads", "InvalidArgument")
	f("POST /b?delete", "DeleteObjects")
	f("POST /b", "PostObject")
	f("PUT /b/k", "PutObject")
	f("PUT /b/k?x-id=PutObject&X-Amz-Signature=1", "PutObject")
	f("PUT /b/k /s/k", "CopyObject")
	f("PUT /b/k?uploadId=1&partNumber=1", "UploadPart")
	f("PUT /b/k?uploadId=1&partNumber=1 /s/k", "UploadPartCopy")
	f("PUT /b/k?tagging /s/k", "InvalidArgument")
	f("PUT /b/k?partNumber=1", "InvalidArgument")
	f("PUT /b/k?versionId=1", "InvalidArgument")
	f("GET /b/k?v=3", "GetObject")
	f("GET /b/k?uploads", "InvalidRequest")
	f("GET /b/k?versions", "InvalidRequest")
	f("HEAD /b/k?versionId=1", "HeadObject")
	f("DELETE /b/k?versionId=1", "DeleteObject")
}

// A verb that is not known must never be taken for a plain write or read.
func TestNoSubResourceIsTakenForAPlainOperation(t *testing.T) {
	t.Parallel()
	rt := newRouter()
	subs := append(foreignSubs(), "brand-new", "policy", "acl2", "lifecycle")
	for _, sub := range subs {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			for l, path := range []string{"/", "/b", "/b/k"} {
				q := url.Values{sub: {""}}
				op, err := rt.find(httptest.NewRequest(method, path, nil), level(l), q, false)
				if err == nil && op.Sub != sub {
					t.Errorf("%s %s?%s was taken for %s", method, path, sub, op.Name)
				}
			}
		}
	}
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		q := url.Values{"brand-new": {"1"}}
		if op, err := rt.find(httptest.NewRequest(method, "/b/k", nil), object, q, false); err == nil {
			t.Errorf("%s with an unknown parameter was taken for %s", method, op.Name)
		}
	}
}

func TestEveryRowOfTheTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range allOperations() {
		if op.Name == "" || op.Method == "" || op.Right == "" || op.Serve == nil {
			t.Errorf("row %+v lacks something", op)
		}
		id := op.Method + " " + op.Sub + string(rune('0'+op.Level))
		if op.Source {
			id += " source"
		}
		if seen[id] {
			t.Errorf("%s stands in the table twice", id)
		}
		seen[id] = true
	}
}
