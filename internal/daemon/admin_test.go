package daemon_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/admin"
	"holdfast/internal/browsertest"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/lifecycle/lifecycletest"
)

// loginLink asks a running daemon for a login link, as "holdfast login" does.
func loginLink(t *testing.T, c *config.Config) string {
	t.Helper()
	client := control.NewClient(c.Socket())
	defer client.Close()
	a, err := control.Call[admin.LoginAnswer](t.Context(), client, "/v1/login", control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return a.URL
}

// The admin page in a real browser: a login link opens it, once; it says how every part is, and what is wrong and what
// to do about it.
func TestAdminPageInABrowser(t *testing.T) {
	t.Parallel()
	c := configure(t, "HOLDFAST_FILES__BUCKETS__PAPERS__MAX_SIZE=20MB")
	startWith(t, c, nil)
	ctx := browsertest.Open(t)
	link := loginLink(t, c)
	text := visit(t, ctx, link)
	for _, want := range []string{"Holdfast", "All is well", "PostgreSQL 1", "S3 endpoint at", "0 objects in 1 bucket"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if at := browsertest.Evaluate[string](t, ctx, "location.pathname"); at != "/" {
		t.Errorf("the login link leads to %s", at)
	}
	if wide := browsertest.Evaluate[bool](t, ctx, "document.documentElement.scrollWidth > innerWidth"); wide {
		t.Error("the page is wider than the window")
	}
	browsertest.Screenshot(t, ctx, "admin.png")

	if err := os.Rename(c.Media.Root, c.Media.Root+".away"); err != nil {
		t.Fatal(err)
	}
	home, _, _ := strings.Cut(link, "login/")
	lifecycletest.Eventually(t, 30*time.Second, func() error {
		if text = visit(t, ctx, home); strings.Contains(text, "The store of the files cannot be used") {
			return nil
		}
		return context.DeadlineExceeded
	})
	if !strings.Contains(text, "check the disk and its mount") {
		t.Errorf("the page does not say what to do:\n%s", text)
	}
	browsertest.Screenshot(t, ctx, "admin-finding.png")

	if text := visit(t, browsertest.Open(t), link); !strings.Contains(text, "used or is too old") {
		t.Errorf("a login link that was used shows:\n%s", text)
	}
}

// visit opens a page and returns its text.
func visit(t *testing.T, ctx context.Context, url string) string {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url), chromedp.WaitReady("body")); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	return browsertest.Evaluate[string](t, ctx, "document.body.innerText")
}
