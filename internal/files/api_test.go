package files_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/files"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

func ptr[T any](v T) *T { return &v }

func TestBucketsAreMadeChangedAndDeletedThroughTheAPI(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	b := must[files.BucketInfo](t, n, "/v1/files/bucket/create", files.CreateBucketRequest{
		Name: "journal", BucketSettings: files.BucketSettings{MaxSize: ptr(int64(1000)), Types: ptr([]string{"image/*"})},
	})
	if b.Public || b.MaxSize != 1000 || b.Declared || b.Usage == nil {
		t.Errorf("created: %+v", b)
	}
	b = must[files.BucketInfo](t, n, "/v1/files/bucket/update", files.UpdateBucketRequest{
		Name: "journal", BucketSettings: files.BucketSettings{
			Public: ptr(true), ExpireAfter: ptr(unit.Duration(time.Hour)), Origins: ptr([]string{"https://a.example.com"}),
		},
	})
	if !b.Public || b.MaxSize != 1000 || b.ExpireAfter != unit.Duration(time.Hour) || len(b.Origins) != 1 {
		t.Errorf("changed: %+v", b)
	}
	n.put(t, "journal", "x.png", "image/png", png)
	if b = must[files.BucketInfo](t, n, "/v1/files/bucket/stat", files.BucketRef{Name: "journal"}); b.Usage.Objects != 1 || b.Usage.Bytes != int64(len(png)) {
		t.Errorf("usage: %+v", b.Usage)
	}
	all := must[files.ListBucketsAnswer](t, n, "/v1/files/bucket/list", files.Empty{})
	if len(all.Buckets) != 3 || !all.Buckets[1].Declared {
		t.Errorf("list: %+v", all)
	}
	f := func(path string, req any, code string) {
		t.Helper()
		if _, err := call[files.BucketInfo](t, n, path, req); fault.CodeOf(err) != code {
			t.Errorf("%s %+v: %v", path, req, err)
		}
	}
	f("/v1/files/bucket/delete", files.BucketRef{Name: "journal"}, "bucket_not_empty")
	f("/v1/files/bucket/delete", files.BucketRef{Name: "papers"}, "bucket_declared")
	f("/v1/files/bucket/update", files.UpdateBucketRequest{Name: "papers", BucketSettings: files.BucketSettings{Public: ptr(true)}}, "bucket_declared")
	f("/v1/files/bucket/create", files.CreateBucketRequest{Name: "journal"}, "bucket_exists")
	f("/v1/files/bucket/create", files.CreateBucketRequest{Name: "No"}, "bucket_name")
	f("/v1/files/bucket/create", files.CreateBucketRequest{Name: "abc", BucketSettings: files.BucketSettings{MaxSize: ptr(int64(-1))}}, "bucket_settings")
	f("/v1/files/bucket/create", map[string]any{"name": "abc", "publik": true}, "bad_request")
	f("/v1/files/bucket/stat", files.BucketRef{Name: "nobody"}, "no_such_bucket")
	must[files.DeleteObjectsAnswer](t, n, "/v1/files/object/delete", files.DeleteObjectsRequest{Bucket: "journal", Keys: []string{"x.png"}})
	must[files.Empty](t, n, "/v1/files/bucket/delete", files.BucketRef{Name: "journal"})
}

func TestObjectsGoInAndOutThroughTheAPI(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	content := func(key string, extra ...string) string {
		q := url.Values{"bucket": {"papers"}, "key": {key}}
		for i := 0; i < len(extra); i += 2 {
			q.Set(extra[i], extra[i+1])
		}
		return "/v1/files/object/content?" + q.Encode()
	}
	body := strings.Repeat("0123456789", 20_000)
	for _, key := range []string{"a/1", "a/2", "b/..//3", "c"} {
		if r := n.do(t, http.MethodPut, content(key, "type", "text/plain", "ttl", "1h"), strings.NewReader(body)); r.status != http.StatusCreated {
			t.Fatalf("%s: %+v", key, r)
		}
	}
	if r := n.do(t, http.MethodPut, content("c", "create", "1"), strings.NewReader("x")); r.code(t) != "precondition_failed" {
		t.Errorf("create only: %+v", r)
	}
	if r := n.do(t, http.MethodPut, content("d", "ttl", "soon"), strings.NewReader("x")); r.code(t) != "bad_ttl" {
		t.Errorf("ttl: %+v", r)
	}
	if r := n.get(t, content("b/..//3")); r.status != http.StatusOK || r.body != body {
		t.Errorf("get: %d, %d bytes", r.status, len(r.body))
	}
	if r := n.get(t, content("a/1"), "Range", "bytes=0-9"); r.status != http.StatusPartialContent || r.body != "0123456789" {
		t.Errorf("range: %+v", r)
	}
	if r := n.get(t, content("none")); r.status != http.StatusNotFound || r.code(t) != "no_such_key" {
		t.Errorf("absent: %+v", r)
	}
	page := must[files.ListObjectsAnswer](t, n, "/v1/files/object/list", files.ListObjectsRequest{Bucket: "papers", Delimiter: "/", Limit: 2})
	if len(page.Prefixes) != 2 || page.Next == "" {
		t.Errorf("first page: %+v", page)
	}
	page = must[files.ListObjectsAnswer](t, n, "/v1/files/object/list", files.ListObjectsRequest{Bucket: "papers", Delimiter: "/", After: page.Next})
	if len(page.Objects) != 1 || page.Objects[0].Key != "c" || page.Next != "" {
		t.Errorf("second page: %+v", page)
	}
	o := must[files.ObjectInfo](t, n, "/v1/files/object/stat", files.ObjectRef{Bucket: "papers", Key: "c"})
	if o.Size != int64(len(body)) || o.Type != "text/plain" || len(o.Blob) != 32 || len(o.SHA256) != 64 || o.ExpiresAt == nil {
		t.Errorf("stat: %+v", o)
	}
	gone := must[files.DeleteObjectsAnswer](t, n, "/v1/files/object/delete", files.DeleteObjectsRequest{Bucket: "papers", Keys: []string{"c", "none"}})
	if len(gone.Deleted) != 2 || !gone.Deleted[0].Found || gone.Deleted[1].Found || gone.Deleted[1].Error != "" {
		t.Errorf("delete: %+v", gone)
	}
}

func TestKeysAreMadeRotatedAndRevokedThroughTheAPI(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	policy := objects.Policy{Statements: []objects.Statement{{Buckets: []string{"papers"}, Actions: []objects.Action{objects.ActionRead}}}}
	k := must[files.AccessKeyInfo](t, n, "/v1/files/accesskey/create", files.CreateAccessKeyRequest{App: "journal", Policy: policy, TTL: unit.Duration(time.Hour)})
	if k.Secret == "" || k.NotAfter == nil {
		t.Errorf("created: %+v", k)
	}
	next := must[files.AccessKeyInfo](t, n, "/v1/files/accesskey/rotate", files.RotateAccessKeyRequest{ID: k.ID, Overlap: unit.Duration(time.Minute)})
	if next.ID == k.ID || next.Secret == "" || next.Secret == k.Secret || next.App != "journal" {
		t.Errorf("rotated: %+v", next)
	}
	must[files.Empty](t, n, "/v1/files/accesskey/revoke", files.AccessKeyRef{ID: k.ID})
	list := must[files.ListAccessKeysAnswer](t, n, "/v1/files/accesskey/list", files.Empty{})
	revoked := 0
	for _, key := range list.Keys {
		if key.Secret != "" {
			t.Errorf("the list shows a secret: %+v", key)
		}
		if key.Revoked != nil {
			revoked++
		}
	}
	if len(list.Keys) != 2 || revoked != 1 {
		t.Errorf("list: %+v", list)
	}
	f := func(p objects.Policy, app, code string) {
		t.Helper()
		_, err := call[files.AccessKeyInfo](t, n, "/v1/files/accesskey/create", files.CreateAccessKeyRequest{App: app, Policy: p})
		if fault.CodeOf(err) != code || fault.HintOf(err) == "" {
			t.Errorf("%+v: %v", p, err)
		}
	}
	f(objects.Policy{}, "x", "empty_policy")
	f(objects.Policy{Statements: []objects.Statement{{Buckets: []string{"papers"}}}}, "x", "empty_policy")
	f(objects.Policy{Statements: []objects.Statement{{Buckets: []string{"*"}, Actions: []objects.Action{"fly"}}}}, "x", "unknown_action")
	f(policy, "", "no_app")

	links := must[files.ListLinkKeysAnswer](t, n, "/v1/files/linkkey/list", files.ListLinkKeysRequest{Bucket: "papers"})
	if len(links.Keys) != 1 || !links.Keys[0].Signs || links.Keys[0].Text != "" {
		t.Errorf("link keys: %+v", links)
	}
	shown := must[files.LinkKeyInfo](t, n, "/v1/files/linkkey/reveal", files.RevealLinkKeyRequest{Bucket: "papers"})
	if !strings.HasPrefix(shown.Text, shown.ID+":papers:1:") {
		t.Errorf("revealed: %+v", shown)
	}
}

func TestRequestsForLinksAreChecked(t *testing.T) {
	t.Parallel()
	n := newSite(t, func(s *site) { s.config.SessionCookie = "" }).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	f := func(r files.SignLinkRequest, code string) {
		t.Helper()
		if _, err := call[files.SignLinkAnswer](t, n, "/v1/files/link/sign", r); fault.CodeOf(err) != code {
			t.Errorf("%+v: %v", r, err)
		}
	}
	f(files.SignLinkRequest{Bucket: "papers", Key: "none"}, "no_such_key")
	f(files.SignLinkRequest{Bucket: "nobody", Key: "x.png"}, "no_such_bucket")
	f(files.SignLinkRequest{Bucket: "papers", Key: "x.png", TTL: unit.Duration(8 * 24 * time.Hour)}, "link_ttl")
	f(files.SignLinkRequest{Bucket: "papers", Key: "x.png", TTL: -1}, "link_ttl")
	f(files.SignLinkRequest{Bucket: "papers", Key: "x.png", Session: "x"}, "no_session_cookie")
	f(files.SignLinkRequest{Bucket: "papers", Key: "x.png", Type: "text/html"}, "link_type")
	if _, err := call[files.CreateSlotAnswer](t, n, "/v1/files/slot/create", files.CreateSlotRequest{Bucket: "papers", Key: "a/../b"}); fault.CodeOf(err) != "link_grant" {
		t.Errorf("slot: %v", err)
	}
	if _, err := call[files.CreateSlotAnswer](t, n, "/v1/files/slot/create", files.CreateSlotRequest{Bucket: "nobody", Key: "b"}); fault.CodeOf(err) != "no_such_bucket" {
		t.Errorf("slot: %v", err)
	}
}

func TestTheStatusAndTheMetricsCountWhatHappened(t *testing.T) {
	t.Parallel()
	n := newSite(t, onDisk(t)).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	path := n.sign(t, "papers", "x.png")
	n.get(t, path)
	n.get(t, path)
	n.get(t, path+"x")
	n.get(t, "/m/nothing")
	n.do(t, http.MethodPut, slotFor(t, n, "papers", "y.png"), strings.NewReader(png))
	s := must[files.StatusAnswer](t, n, "/v1/files/status", files.Empty{})
	if !s.Healthy || s.Store != "disk" || len(s.Buckets) != 2 || s.Memory == 0 {
		t.Errorf("%+v", s)
	}
	if s.Links["served"] != 2 || s.Links["refused"] != 1 || s.Links["not_found"] != 1 || s.Uploads["served"] != 1 {
		t.Errorf("links %v, uploads %v", s.Links, s.Uploads)
	}
	families, err := n.metrics.Gather()
	if err != nil || len(families) != 2 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	for _, family := range families {
		if len(family.GetMetric()) != len(outcomesShown) {
			t.Errorf("%s has %d series", family.GetName(), len(family.GetMetric()))
		}
		for _, m := range family.GetMetric() {
			outcome := m.GetLabel()[0].GetValue()
			want := s.Links[outcome]
			if family.GetName() == "holdfast_files_uploads_total" {
				want = s.Uploads[outcome]
			}
			if !slices.Contains(outcomesShown, outcome) || m.GetCounter().GetValue() != float64(want) {
				t.Errorf("%s: %s is %v, want %d", family.GetName(), outcome, m.GetCounter().GetValue(), want)
			}
		}
	}
}

var outcomesShown = []string{
	"served", "not_found", "refused", "expired", "conflict", "too_large", "wrong_type", "unusable", "unavailable",
}

// A bucket that is declared no longer is kept with all it holds, and can be changed through the API from then on.
func TestDeclaredBucketsFollowTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.config.SQLSigners = []string{"postgres"}
	first := s.node(t)
	first.put(t, "papers", "x.png", "image/png", png)
	s.config.Buckets = map[string]files.BucketConfig{"open": {Public: false, MaxSize: 10}}
	second := s.node(t)
	open := must[files.BucketInfo](t, second, "/v1/files/bucket/stat", files.BucketRef{Name: "open"})
	if open.Public || open.MaxSize != 10 || !open.Declared {
		t.Errorf("%+v", open)
	}
	papers := must[files.BucketInfo](t, second, "/v1/files/bucket/stat", files.BucketRef{Name: "papers"})
	if papers.Declared || papers.Usage.Objects != 1 {
		t.Errorf("%+v", papers)
	}
	var url string
	err := s.db.Conn(t).QueryRow(t.Context(), `SELECT holdfast.sign_url('papers', 'x.png')`).Scan(&url)
	if err != nil || !strings.HasPrefix(url, "https://files.example.com/m/") {
		t.Fatalf("%s, %v", url, err)
	}
	// S3-26: what the database signed is what a process serves.
	if r := second.get(t, strings.TrimPrefix(url, "https://files.example.com")); r.status != http.StatusOK || r.body != png {
		t.Errorf("%+v", r)
	}
}

func TestARoleThatDoesNotExistStopsTheStartWithAHint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.node(t)
	c := s.config
	c.SQLSigners = []string{"nobody_has_this_name"}
	f, err := files.New(files.Options{
		Config: c, Index: n.index, Store: s.store, Database: s.db.Pool(t), Schema: "holdfast", Log: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "nobody_has_this_name") {
		t.Error(err)
	}
}
