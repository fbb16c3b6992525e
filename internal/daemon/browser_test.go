package daemon_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"holdfast/internal/browsertest"
	"holdfast/internal/daemon"
	"holdfast/internal/demo"
)

// attempt is a row of the page's table.
type attempt struct {
	Request, Answer, Class string
}

// S0-36, S0-35, S1-46: the demo's page in a real browser. A picture is stored straight from the page, seen through its
// link, and refused when the link is altered, expired or replaced.
func TestDemoPageInABrowser(t *testing.T) {
	d := start(t, func(o *daemon.Options) { o.Demo = true }, "HOLDFAST_FILES__BUCKETS__"+strings.ToUpper(demo.Bucket)+"__MAX_SIZE=20MB")
	ctx := browsertest.Open(t)
	err := chromedp.Do(ctx,
		chromedp.Navigate(d.EdgeURL()),
		chromedp.Click("#sample"),
		chromedp.WaitVisible("body.checked"),
	)
	if err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%v; the page says:\n%s", err, text)
	}
	rows := browsertest.Evaluate[[]attempt](t, ctx, `[...document.querySelectorAll('#attempts tr')].map(r => ({
		Request: r.cells[0].textContent, Answer: r.cells[2].textContent, Class: r.cells[2].className}))`)
	width := browsertest.Evaluate[int](t, ctx, `document.getElementById('picture').naturalWidth`)
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
	browsertest.Screenshot(t, ctx, "demo.png")
}
