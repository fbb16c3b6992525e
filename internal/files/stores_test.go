package files_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
)

// onS3 gives the site a store in an independent S3 server.
func onS3(t testing.TB) func(*site) {
	t.Helper()
	peer := s3test.Versitygw(t)
	c := s3.DefaultConfig()
	c.Enabled, c.EndpointURL, c.BucketName, c.Region = true, peer.URL, "holdfast", peer.Region
	c.AccessKeyID, c.SecretKey = secret.New(peer.AccessKey), secret.New(peer.SecretKey)
	store, err := s3.New(c)
	if err == nil {
		err = store.EnsureBucket(t.Context(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(s *site) { s.store, s.kind = store, "s3" }
}

// linkVector is a pinned link to read, as testdata/vectors/link.json has it.
type linkVector struct {
	Name, Purpose, Path, Blob, Session string
	Now                                int64
	Key                                struct {
		ID, Bucket, Secret string
		Epoch              int64
	}
}

func linkVectors(t *testing.T) (out []linkVector) {
	t.Helper()
	b, err := os.ReadFile("../../testdata/vectors/link.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Valid []linkVector }
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all.Valid {
		if v.Purpose == "get" {
			out = append(out, v)
		}
	}
	return out
}

// C-05: nobody who has a link can tell which kind of store the files lie in, and whoever signs need not know. The published
// vectors are links to both, letter by letter; the answers are the same but for their date; and a link that is made has one form.
func TestLinksAreTheSameOverEachKindOfStore(t *testing.T) {
	t.Parallel()
	vectors := linkVectors(t)
	disk, far := newSite(t, onDisk(t)).vectorNode(t, vectors), newSite(t, onS3(t)).vectorNode(t, vectors)
	good := 0
	for _, v := range vectors {
		a, b := disk.follow(t, v), far.follow(t, v)
		if a.status != b.status || a.body != b.body || !maps.EqualFunc(a.header, b.header, func(x, y []string) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) {
			t.Errorf("%s: over the disk %+v, over S3 %+v", v.Name, a, b)
		}
		if a.status == http.StatusOK && a.body == png {
			good++
		} else if v.Session != "é" { // no browser's cookie, RFC 6265 section 4.1.1; it is refused alike
			t.Errorf("%s: %+v", v.Name, a)
		}
	}
	if good != len(vectors)-1 || good < 5 {
		t.Errorf("%d of %d vectors were followed", good, len(vectors))
	}
	if a, b := disk.form(t), far.form(t); a != b {
		t.Errorf("over the disk a link is %s, over S3 %s", a, b)
	}
}

// vectorNode is a process whose store holds the blobs of the vectors, and whose database their keys.
func (s *site) vectorNode(t *testing.T, vectors []linkVector) *node {
	t.Helper()
	known := map[string]bool{}
	for _, v := range vectors {
		if id := v.Key.ID; !known[id] {
			known[id] = true
			s.db.Exec(t, fmt.Sprintf("INSERT INTO holdfast.buckets (name, epoch) VALUES ('%s', %d)", v.Key.Bucket, v.Key.Epoch),
				fmt.Sprintf("INSERT INTO holdfast.link_keys (id, bucket, secret) SELECT '%s', id, '%s' FROM holdfast.buckets WHERE name = '%s'",
					id, v.Key.Secret, v.Key.Bucket))
		}
		if !known[v.Blob] {
			known[v.Blob] = true
			s.keep(t, v)
		}
	}
	return s.node(t)
}

// keep puts the blob of a vector into the store, with what a link needs to know of it.
func (s *site) keep(t *testing.T, v linkVector) {
	t.Helper()
	id, ok := objects.ParseBlobID(v.Blob)
	if !ok {
		t.Fatalf("blob %q", v.Blob)
	}
	o := objects.Object{
		Bucket: v.Key.Bucket, Key: "kept", Blob: id, Size: int64(len(png)), ETag: "e", Sniffed: "image/png",
		Headers: objects.Headers{ContentType: "image/png"}, Created: time.Unix(v.Now, 0).Add(-time.Hour),
	}
	side := objects.SidecarOf(&o)
	_, err := s.store.Put(t.Context(), id.BlobName(), strings.NewReader(png), blob.PutOptions{Size: o.Size, Sidecar: side.Encode})
	if err != nil {
		t.Fatal(err)
	}
}

// follow opens the link of a vector at its time.
func (n *node) follow(t *testing.T, v linkVector) reply {
	t.Helper()
	n.skew.Store(int64(time.Until(time.Unix(v.Now, 0))))
	var headers []string
	if v.Session != "" {
		headers = []string{"Cookie", "sid=" + v.Session}
	}
	r := n.get(t, v.Path, headers...)
	for _, own := range []string{"Date", "X-Request-Id", "Age"} {
		r.header.Del(own)
	}
	// What is left of the life of the link, in seconds, depends on the moment.
	r.header.Set("Cache-Control", strings.TrimRight(strings.SplitN(r.header.Get("Cache-Control"), "max-age=", 2)[0], "0123456789"))
	r.header.Del("CDN-Cache-Control")
	return r
}

// form makes a link, and returns it with all that may differ between two sites taken out.
func (n *node) form(t *testing.T) string {
	t.Helper()
	n.skew.Store(0)
	n.put(t, "papers", "2026/Übersicht 1.png", "image/png", png)
	path := n.sign(t, "papers", "2026/Übersicht 1.png")
	if r := n.get(t, path); r.status != http.StatusOK || r.body != png {
		t.Errorf("%s: %+v", path, r)
	}
	l, err := link.ParseGet(path)
	if err != nil {
		t.Fatal(err)
	}
	token, rest, _ := strings.Cut(strings.TrimPrefix(path, "/m/"), "/")
	parts := strings.Split(token, ".")
	return fmt.Sprintf("/m/%d.%d.%s.%d/%s", len(parts[0]), len(parts[1]), parts[2], len(parts[3]), strings.TrimPrefix(rest, l.Blob))
}
