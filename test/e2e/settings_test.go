package e2e_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// E-05: what the tables [files], [s3] and [media] say has its effect in the running program; that each key is understood, and a wrong
// one refused, is tested where the tables are.
func TestTheSettingsOfFilesHaveTheirEffects(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.Database(t))
	root, b := s.Path("elsewhere"), "files.buckets."
	s.set("media.root", root, "media.url", "/uploads/", "s3.region", "eu-own", "s3.sigv2", "true", "s3.hosts", "https://s3.example.org", "log.level", "debug",
		"files.public_url", "https://files.example.org", "files.link_ttl", "2m", "files.link_window", "10s", "files.link_max_ttl", "5m",
		"files.session_cookie", "sessionid", "files.trash_keep", "0", "files.memory_cache", "0",
		b+"open.public", "true", b+"open.max_size", "1KB", b+"open.max_objects", "1", b+"open.types", "text/plain",
		b+"open.origins", "https://app.example.org", b+"short.expire_after", "1s", b+"kept.versions", "true", b+"kept.keep_versions", "1",
		b+"pages.inline", "text/html", b+"pages.resources", "https://app.example.org")
	n := s.serve()
	key := s.newKey()
	if code, _ := code(newClient(t, n.s3, "us-west-2", key).tryPut("kept", "a", "x")); code != "AuthorizationHeaderMalformed" {
		t.Errorf("s3.region: another region gets %s", code)
	}
	c := newClient(t, n.s3, "eu-own", key)

	c.put("kept", "old", "signed as of old")
	checkOldSignature(t, n, key)
	if !strings.Contains(n.Err.String(), `"level":"DEBUG"`) {
		t.Error("log.level: nothing of the level debug is written")
	}
	checkLinkSettings(t, n, c)
	checkBucketSettings(t, n, c)
	c.put("kept", "gone", "deleted and not kept")
	if err := c.RemoveObject(t.Context(), "kept", "gone", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveObject(t.Context(), "pages", "page.html", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	lifecycletest.Eventually(t, program.CallLimit, func() error { // files.trash_keep, media.root
		if holds(t, root, "<p>page</p>") {
			return errors.New("the bytes of a deleted file are still there")
		}
		return nil
	})
	if !holds(t, root, "second") {
		t.Errorf("nothing of what is stored lies below media.root")
	}
}

// checkOldSignature reads a file under the public name by a query that is signed as version 2 has it.
func checkOldSignature(t *testing.T, n *node, key credential) {
	t.Helper()
	expires := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
	mac := hmac.New(sha1.New, []byte(key.Secret))
	_, _ = mac.Write([]byte("GET\n\n\n" + expires + "\n/kept/old"))
	query := url.Values{"AWSAccessKeyId": {key.ID}, "Expires": {expires}, "Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.s3+"/old?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "kept.s3.example.org"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "signed as of old" {
		t.Errorf("s3.sigv2, s3.hosts: %s %s, %v", resp.Status, body, err)
	}
}

// checkLinkSettings looks at the settings of links.
func checkLinkSettings(t *testing.T, n *node, c *client) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), "pages", "page.html", strings.NewReader("<p>page</p>"), 11, minio.PutObjectOptions{ContentType: "text/html"}); err != nil {
		t.Fatal(err)
	}
	type link struct {
		URL, Path string
		Expires   time.Time
	}
	before := time.Now()
	l := ask[link](n.site, "files", "url", "pages/page.html")
	if left := l.Expires.Sub(before); left < 2*time.Minute-time.Second || left > 2*time.Minute+10*time.Second+program.CallLimit ||
		l.Expires.Unix()%10 != 0 || !strings.HasPrefix(l.URL, "https://files.example.org/m/") {
		t.Errorf("files.public_url, link_ttl, link_window: %+v, %s to live", l, left)
	}
	if r := n.site.Run("files", "url", "pages/page.html", "--ttl", "6m"); r.Code != 2 {
		t.Errorf("files.link_max_ttl: %d %s", r.Code, r.Stderr)
	}
	status, header, _ := fetch(t, n.edge+l.Path)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Disposition"), "inline") ||
		!strings.Contains(header.Get("Content-Security-Policy"), "script-src https://app.example.org") {
		t.Errorf("inline, resources: %d %v", status, header)
	}
	bound := ask[link](n.site, "files", "url", "pages/page.html", "--session", "of-anna")
	for cookie, want := range map[string]int{"sessionid=of-anna": http.StatusOK, "sessionid=of-bob": http.StatusForbidden, "other=of-anna": http.StatusForbidden} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.edge+bound.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", cookie)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("files.session_cookie: %s gets %s", cookie, resp.Status)
		}
	}
}

// checkBucketSettings looks at the settings of buckets.
func checkBucketSettings(t *testing.T, n *node, c *client) {
	t.Helper()
	f := func(setting string, err error, want string) {
		t.Helper()
		if got, _ := code(err); got != want {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
	f("max_size", c.tryPut("open", "large", strings.Repeat("x", 1001)), "EntityTooLarge")
	f("types", c.tryPut("open", "page", "<!doctype html><html><script>"), "AccessDenied")
	c.put("open", "a", "first")
	f("max_objects", c.tryPut("open", "b", "second"), "QuotaExceeded")
	for path, want := range map[string]int{"/uploads/open/a": http.StatusOK, "/media/open/a": http.StatusNotFound, "/uploads/kept/a": http.StatusNotFound} {
		if err := wantStatus(n.edge+path, want); err != nil {
			t.Errorf("public, media.url: %s: %v", path, err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.edge+"/uploads/open/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "https://app.example.org")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example.org" {
		t.Errorf("origins: %q", got)
	}
	for _, text := range []string{"first", "second", "third", "second"} {
		c.put("kept", "a", text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), program.CallLimit)
	defer cancel()
	lifecycletest.Eventually(t, program.CallLimit, func() error {
		versions := 0
		for range c.ListObjects(ctx, "kept", minio.ListObjectsOptions{Prefix: "a", WithVersions: true}) {
			versions++
		}
		if versions != 2 {
			return errors.New("versions, keep_versions: other than the present and one kept version are there")
		}
		return nil
	})
	c.put("short", "a", "soon gone")
	lifecycletest.Eventually(t, program.CallLimit, func() error {
		if _, err := c.get("short", "a"); err == nil {
			return errors.New("expire_after: it is still there")
		}
		return nil
	})
}

// holds reports whether a file below the directory holds the text.
func holds(t *testing.T, root, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // moved while we looked
		}
		if err != nil || !d.Type().IsRegular() || slices.Contains(strings.Split(path, "/"), ".holdfast-journal") {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		found = found || string(b) == text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
