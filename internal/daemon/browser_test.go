package daemon_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/daemon"
	"holdfast/internal/demo"
)

// browser returns a context in which chromedp drives a headless Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is needed for this test: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(900, 1400),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// attempt is a row of the page's table.
type attempt struct {
	Request, Answer, Class string
}

// S0-36, S0-35, S1-46: the demo's page in a real browser. A picture is stored straight from the page, seen through its
// link, and refused when the link is altered, expired or replaced.
func TestDemoPageInABrowser(t *testing.T) {
	d := start(t, func(o *daemon.Options) { o.Demo = true }, "HOLDFAST_FILES__BUCKETS__"+strings.ToUpper(demo.Bucket)+"__MAX_SIZE=20MB")
	ctx := browser(t)
	err := chromedp.Do(ctx,
		chromedp.Navigate(d.EdgeURL()),
		chromedp.Click("#sample"),
		chromedp.WaitVisible("body.checked"),
	)
	if err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%v; the page says:\n%s", err, text)
	}
	rows := evaluate[[]attempt](t, ctx, `[...document.querySelectorAll('#attempts tr')].map(r => ({
		Request: r.cells[0].textContent, Answer: r.cells[2].textContent, Class: r.cells[2].className}))`)
	width := evaluate[int](t, ctx, `document.getElementById('picture').naturalWidth`)
	if width != 640 {
		t.Errorf("the picture has width %d, want 640", width)
	}
	if len(rows) != 7 {
		t.Errorf("%d attempts, want 7", len(rows))
	}
	for _, r := range rows {
		if r.Class != "ok" {
			t.Errorf("%s: %s", r.Request, r.Answer)
		}
	}
	screenshot(t, ctx, "demo.png")
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// screenshot writes what the browser shows to the directory HOLDFAST_TEST_SCREENSHOTS, for people to look at.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("HOLDFAST_TEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), shot, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
