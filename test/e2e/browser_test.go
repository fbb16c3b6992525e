package e2e_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/minio/minio-go/v7"

	"holdfast/internal/browsertest"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3test"
	"holdfast/test/program"
)

// onS3 keeps the files in a bucket of an S3 server, with no cache before it.
func (s *site) onS3(peer *s3test.Server) *site {
	return s.set("storage.s3.enabled", "true", "storage.s3.endpoint_url", peer.URL, "storage.s3.bucket_name", "holdfast",
		"storage.s3.region", peer.Region, "storage.s3.cache_size", "0",
		"storage.s3.access_key_id", peer.AccessKey, "storage.s3.secret_key", peer.SecretKey)
}

// S1-46: a browser uploads a large file from the visitor's disk without a byte through the application, over each store by the
// same page, and the memory of the daemon stays flat: 1 GB with HOLDFAST_SOAK, else 128 MB.
func TestABrowserUploadsALargeFileThroughASlot(t *testing.T) {
	t.Parallel()
	size := int64(128 << 20)
	if soak() {
		size = 1 << 30
	}
	for name, store := range map[string]func(t *testing.T, s *site){
		"disk": func(*testing.T, *site) {},
		"s3": func(t *testing.T, s *site) {
			t.Helper()
			s.onS3(s3test.Versitygw(t)).Must("check", "--create")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := newSite(t, pgtest.Database(t))
			store(t, site)
			n, app := site.serve(), newUploadPage(t)
			site.Must("files", "bucket", "create", "films", "--origin", app.URL)
			page := app.open(t)
			small, _ := randomFile(t, 8<<20)
			page.upload(n.slot("films/warm"), small) // buffers and connections are there from now on
			path, digest := randomFile(t, size)
			forgetPeak(t, n.PID)
			before := memory(t, n.PID, "VmHWM")
			began := time.Now()
			page.upload(n.slot("films/large"), path)
			after := memory(t, n.PID, "VmHWM")
			t.Logf("%d MB in %s; memory %d KB, before %d KB", size>>20, time.Since(began).Round(time.Millisecond), after, before)
			if after > before+flat {
				t.Errorf("memory grows from %d KB to %d KB", before, after)
			}
			if got := n.client(site.newKey()).digest("films", "large"); got != digest {
				t.Errorf("the digest is %s, want %s", got, digest)
			}
			if got := app.received.Load(); got != 0 {
				t.Errorf("%d bytes went through the application", got)
			}
		})
	}
}

// slot returns an address that takes one upload, on this node's own edge.
func (n *node) slot(name string) string {
	n.T.Helper()
	return n.edge + ask[struct{ Path string }](n.site, "files", "slot", name).Path
}

// digest fetches an object and returns the SHA-256 of its content.
func (c *client) digest(bucket, key string) string {
	c.t.Helper()
	o, err := c.GetObject(context.Background(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	defer o.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, o); err != nil {
		c.t.Fatal(err)
	}
	return hexOf(sum)
}

// randomFile writes a file and returns its path and the SHA-256 of its content.
func randomFile(t *testing.T, size int64) (path, digest string) {
	t.Helper()
	path = filepath.Join(program.ShortDir(t), "film.bin")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(f, newStream(size, sum)); err != nil {
		t.Fatal(err)
	}
	return path, hexOf(sum)
}

// uploadPage is an application with a page that sends a file to an address.
type uploadPage struct {
	*httptest.Server
	received atomic.Int64 // bytes that came to the application as bodies
}

func newUploadPage(t *testing.T) *uploadPage {
	t.Helper()
	p := &uploadPage{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // a browser that goes away has sent what it has sent
		p.received.Add(n)
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!DOCTYPE html><title>upload</title><input id="address"><input id="file" type="file"><p id="answer"></p>
			<script>document.getElementById("file").onchange = async () => {
				const answer = document.getElementById("answer"), file = document.getElementById("file").files[0]
				try {
					const r = await fetch(document.getElementById("address").value, {method: "PUT", body: file})
					answer.textContent = r.status + " " + await r.text()
				} catch (e) {
					answer.textContent = String(e)
				}
				answer.className = "done"
			}</script>`)
	}))
	t.Cleanup(p.Close)
	return p
}

// openPage is the page in a browser.
type openPage struct {
	t   *testing.T
	ctx context.Context
	url string
}

// open starts a headless Chromium, which ends with the test.
func (p *uploadPage) open(t *testing.T) *openPage {
	t.Helper()
	return &openPage{t, browsertest.Open(t), p.URL}
}

// upload gives a file to the page, as a visitor who chooses it, and returns when the page has the answer.
func (p *openPage) upload(slot, path string) {
	p.t.Helper()
	err := chromedp.Do(p.ctx,
		chromedp.Navigate(p.url),
		chromedp.SetValue("#address", slot),
		chromedp.SetUploadFiles("#file", []string{path}),
		chromedp.WaitReady("#answer.done"),
	)
	if err != nil {
		p.t.Fatal(err)
	}
	answer := browsertest.Evaluate[string](p.t, p.ctx, `document.getElementById("answer").textContent`)
	if !strings.HasPrefix(answer, "201 ") {
		p.t.Fatalf("the page was answered with %q", answer)
	}
}
