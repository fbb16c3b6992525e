// Package browsertest drives a real browser in tests: headless Chromium, which ends with the test and leaves nothing behind.
//
// The context that [Open] returns is what chromedp's actions take. A browser has a profile of its own; what it would keep in the
// system's directory for temporary files goes where the test's own files go.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds the life of a browser: machines that test are busy, and a hung one has to end before its test does.
const patience = 10 * time.Minute

// Open starts a browser and returns a context in which chromedp drives it. Each rule tells where a host is found, as
// "MAP www.example.org:80 127.0.0.1:8080", so that pages have the origins that they have in earnest.
func Open(t *testing.T, rules ...string) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	dir, err := os.MkdirTemp("", "hfweb") // t.TempDir would fail the test when a helper of the browser's writes a last file
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.Env("TMPDIR="+dir),
		chromedp.WindowSize(900, 1400), chromedp.Flag("no-proxy-server", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-features", "HttpsUpgrades"))
	if len(rules) > 0 {
		opts = append(opts, chromedp.Flag("host-resolver-rules", strings.Join(rules, ", ")))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithErrorf(t.Logf))
	t.Cleanup(cancel)
	return ctx
}

// Evaluate returns what an expression of JavaScript is on the page that is shown.
func Evaluate[T any](t *testing.T, ctx context.Context, script string) T { //nolint:revive // t comes first in helpers of tests
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Screenshot writes what the browser shows to the directory HOLDFAST_TEST_SCREENSHOTS, for people to look at.
func Screenshot(t *testing.T, ctx context.Context, name string) { //nolint:revive // as above
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
