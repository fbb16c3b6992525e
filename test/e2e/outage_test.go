package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
)

// noticed is within what time a loss and its end are seen by a load balancer.
const noticed = 20 * time.Second

// E-29, S0-38, S0-12: while PostgreSQL is away, stopped or stuck, links that were made go on being served, everything
// else is refused in time and by its name, and all is well again by itself when it is back.
func TestLinksAreServedWhilePostgreSQLIsAway(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]struct {
		begin, end func(t *testing.T, pg *pgtest.PG)
	}{
		"stopped": {
			func(t *testing.T, pg *pgtest.PG) { pg.Stop(t) },
			func(t *testing.T, pg *pgtest.PG) { pg.Start(t) },
		},
		"stuck": {
			func(t *testing.T, pg *pgtest.PG) { signalGroup(t, pg, syscall.SIGSTOP) },
			func(t *testing.T, pg *pgtest.PG) { signalGroup(t, pg, syscall.SIGCONT) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := pgtest.Cluster(t)
			site := newSite(t, pg.Database(t))
			n := site.serve()
			key := site.newKey()
			c := n.client(key)
			site.Must("files", "bucket", "create", "papers")
			c.put("papers", "small", "a few bytes")
			c.put("papers", "large", strings.Repeat("large", 100_000))
			seen, unseen, large := n.link("papers/small"), n.link("papers/small")+"?", n.link("papers/large")
			if err := wantStatus(seen, 200); err != nil {
				t.Fatal(err)
			}
			outage.begin(t, pg)
			down := time.Now()
			wantLinks(t, seen, unseen, large)
			lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 503) })
			t.Logf("noticed after %s", time.Since(down).Round(time.Millisecond))
			wantRefused(t, c)
			if r := site.Run("status"); r.Code != 7 || !strings.Contains(r.Stdout, "PostgreSQL does not answer") ||
				!strings.Contains(r.Stdout, "signed links go on being served") {
				t.Errorf("status ends with %d:\n%s", r.Code, r.Stdout)
			}
			wantLinks(t, seen, unseen, large)
			outage.end(t, pg)
			up := time.Now()
			lifecycletest.Eventually(t, noticed, func() error { return c.tryPut("papers", "small", "again") })
			t.Logf("works again after %s", time.Since(up).Round(time.Millisecond))
			lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })
			lifecycletest.Eventually(t, soon, func() error { return wantStatus(seen, 403) }) // it was replaced
			wantLinks(t, large)
			c.want("papers", "small", "again")
			if r := site.Run("status"); r.Code != 0 {
				t.Errorf("status ends with %d:\n%s", r.Code, r.Stdout)
			}
		})
	}
}

// signalGroup sends a signal to all processes of a server: the postmaster leads its group, backends lead their own.
func signalGroup(t *testing.T, pg *pgtest.PG, sig syscall.Signal) {
	t.Helper()
	for _, pid := range append(descendants(t, pg.PID()), pg.PID()) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

func wantLinks(t *testing.T, urls ...string) {
	t.Helper()
	for _, url := range urls {
		began := time.Now()
		if err := wantStatus(url, 200); err != nil {
			t.Errorf("link: %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("the link took %s", took)
		}
	}
}

// remembered is how long a lookup may be answered from memory: what a process that is alone on the database has read,
// it believes for a few seconds.
const remembered = 6 * time.Second

// wantRefused fails unless S3 requests are answered with 503 in time.
func wantRefused(t *testing.T, c *client) {
	t.Helper()
	const patience = 15 * time.Second
	began := time.Now()
	err := c.tryPut("papers", "new", "x")
	if name, status := code(err); status != http.StatusServiceUnavailable || name != "ServiceUnavailable" {
		t.Errorf("put: %s, %d", name, status)
	}
	if took := time.Since(began); took > patience {
		t.Errorf("the put took %s", took)
	}
	url, err := c.PresignedGetObject(context.Background(), "papers", "small", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	lifecycletest.Eventually(t, remembered+patience, func() error {
		began = time.Now()
		return wantStatus(url.String(), http.StatusServiceUnavailable)
	})
	if took := time.Since(began); took > patience {
		t.Errorf("the get took %s", took)
	}
	if _, header, body := fetch(t, url.String()); header.Get("Retry-After") == "" || !strings.Contains(body, "<Code>ServiceUnavailable</Code>") {
		t.Errorf("get: Retry-After %q, %.300s", header.Get("Retry-After"), body)
	}
}

// S0-37, S0-12: while the S3 service that keeps the files is away, requests are refused as such, the finding says so,
// and all is well again when it is back.
func TestTheS3StoreGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	peer := s3test.Versitygw(t)
	site := newSite(t, pgtest.Database(t)).onS3(peer).set("files.memory_cache", "0")
	site.refused(4, `bucket "holdfast" does not exist`, "hint: create it with: holdfast check --create")
	site.Must("check", "--create")
	n := site.serve()
	key := site.newKey()
	c := n.client(key)
	site.Must("files", "bucket", "create", "papers")
	c.put("papers", "small", "a few bytes")
	url := n.link("papers/small")

	peer.Inject(s3test.Unavailable)
	wantRefused(t, c)
	if err := wantStatus(url, 503); err != nil {
		t.Errorf("link: %v", err)
	}
	lifecycletest.Eventually(t, 2*noticed, func() error { return wantStatus(n.admin+"/readyz", 503) })
	if r := site.Run("status"); r.Code != 7 || !strings.Contains(r.Stdout, "The store of the files cannot be used") {
		t.Errorf("status ends with %d:\n%s", r.Code, r.Stdout)
	}
	peer.Inject(nil)
	c.want("papers", "small", "a few bytes")
	c.put("papers", "small", "again")
	lifecycletest.Eventually(t, 2*noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })

	// The same database with another bucket: not its store.
	direct := newClient(t, peer.URL, peer.Region, credential{peer.AccessKey, peer.SecretKey})
	if err := direct.MakeBucket(t.Context(), "other", minio.MakeBucketOptions{Region: peer.Region}); err != nil {
		t.Fatal(err)
	}
	site.twin().set("storage.s3.bucket_name", "other").refused(7, `bucket "other" holds no store`, "first at bucket holdfast")
	site.twin().serve()
}

// S1-30, S0-12: a directory that was moved away, as a file system that was unmounted, is noticed; nothing is stored
// where nobody would look for it.
func TestTheDirectoryOfTheStoreGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	site := newSite(t, pgtest.Database(t))
	n := site.serve()
	c := n.client(site.newKey())
	site.Must("files", "bucket", "create", "papers")
	c.put("papers", "small", "a few bytes")
	root := site.Path("data/media")
	if err := errors.Join(os.Rename(root, root+".away"), os.Mkdir(root, 0o700)); err != nil {
		t.Fatal(err)
	}
	if name, status := code(c.tryPut("papers", "new", "x")); status != http.StatusServiceUnavailable {
		t.Errorf("put while the store is away: %s, %d", name, status)
	}
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 503) })
	if r := site.Run("status"); r.Code != 7 || !strings.Contains(r.Stdout, "is no longer the directory that was opened") {
		t.Errorf("status ends with %d:\n%s", r.Code, r.Stdout)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) != 0 {
		t.Errorf("in the directory in its place: %v, %v", left, err)
	}
	if err := errors.Join(os.Remove(root), os.Rename(root+".away", root)); err != nil {
		t.Fatal(err)
	}
	c.put("papers", "new", "x")
	c.want("papers", "small", "a few bytes")
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })
}
