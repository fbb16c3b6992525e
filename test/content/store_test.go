package content_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"holdfast/internal/content"
	"holdfast/internal/coursegen"
	"holdfast/internal/s3test"
)

// E-50: each part comes damaged the first time, and right the second: whoever waits for it notices neither, with the read
// cache that a site on S3 has by default.
func TestAPartThatIsDamagedOnItsWayIsFetchedAgain(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	course := newCourse(t, coursegen.Options{Seed: 61, Questions: 8})
	s := newSite(t).onS3(server).source("course", course.Dir)
	delete(s.Settings, "storage.s3.cache_size")
	n := s.serve()
	n.sync()
	var mu sync.Mutex // protects damaged
	damaged := map[string]bool{}
	server.Change(func(r *http.Response) bool {
		mu.Lock()
		defer mu.Unlock()
		path := r.Request.URL.Path
		if r.Request.Method == http.MethodGet && r.StatusCode/100 == 2 && strings.Contains(path, "content/v1/") && !damaged[path] {
			damaged[path] = true
			r.Body = io.NopCloser(&flipper{r.Body})
		}
		return false
	})
	n.wantChunks(newCheckouts(course.Dir, ""), n.ensure("all"))
	if len(damaged) == 0 {
		t.Error("nothing was damaged")
	}
}

// flipper changes the first byte of what is read.
type flipper struct{ io.ReadCloser }

func (f *flipper) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	if n > 0 {
		b[n/2] ^= 1
	}
	return n, err
}

// E-50, E-57: parts that are damaged or gone in the store itself are found and made anew from git: by a scrub, and when a
// machine stumbles over them. Before that, what is wrong is refused, with a reason.
func TestWhatTheStoreLostComesBackFromGit(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	course := newCourse(t, coursegen.Options{Seed: 62, Questions: 8})
	s := newSite(t).onS3(server).source("course", course.Dir)
	delete(s.Settings, "storage.s3.cache_size")
	n := s.serve()
	n.sync()
	truth := newCheckouts(course.Dir, "")
	n.wantChunks(truth, n.ensure("all")) // whatever it keeps of the store is right
	damage := spoilParts(t, server)
	if damage < 10 {
		t.Fatalf("only %d parts", damage)
	}
	r := ask[content.ScrubReport](s, "content", "scrub")
	if r.Missing+r.Corrupt != damage || r.Repaired != damage || len(r.Lost) > 0 {
		t.Errorf("%d parts are damaged, scrub says %+v", damage, r)
	}
	fresh := s.twin().serve()
	fresh.wantChunks(truth, fresh.ensure("all"))

	spoilParts(t, server)
	another := s.twin().serve()
	eventually(t, 60*time.Second, func() error { // each attempt complains, the holder repairs
		_, err := call[content.EnsureAnswer](another, "ensure", content.EnsureRequest{Source: "course", Want: []string{"all"}, Lease: content.LeaseNone})
		return err
	})
	another.wantChunks(truth, another.ensure("all"))
}

// spoilParts removes every other part from a store and changes the rest. It returns how many there are.
func spoilParts(t *testing.T, server *s3test.Server) (n int) {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: server.Region,
	})
	if err != nil {
		t.Fatal(err)
	}
	for o := range c.ListObjects(t.Context(), "holdfast", minio.ListObjectsOptions{Recursive: true}) {
		switch {
		case o.Err != nil:
			t.Fatal(o.Err)
		case !strings.Contains(o.Key, "content/v1/"):
			continue
		case n%2 == 0:
			err = c.RemoveObject(t.Context(), "holdfast", o.Key, minio.RemoveObjectOptions{})
		default:
			_, err = c.PutObject(t.Context(), "holdfast", o.Key, strings.NewReader("this is no pack"), 15, minio.PutObjectOptions{DisableMultipart: true})
		}
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
