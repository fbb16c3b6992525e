package daemon_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"holdfast/internal/browsertest"
	"holdfast/internal/coursegen"
	"holdfast/internal/daemon"
	"holdfast/internal/demo"
)

// withDemoCourse are the settings of a daemon that distributes the demo's course.
func withDemoCourse(t *testing.T) []string {
	t.Helper()
	repository := filepath.Join(t.TempDir(), "course.git")
	if _, err := coursegen.Demo(t.Context(), repository, "sha1"); err != nil {
		t.Fatal(err)
	}
	source := "HOLDFAST_CONTENT__SOURCES__" + strings.ToUpper(demo.Source)
	return []string{source + "__GIT=" + repository, source + "__POLL=1s", "HOLDFAST_CONTENT__FREE_BYTES=0"}
}

// S4-21, S4-24, C-29: the demo's page of a question in a real browser. Its text was read from the directory that ensure
// returned, its picture and its stylesheet came from the edge under addresses with the commit in them.
func TestDemoQuestionInABrowser(t *testing.T) {
	d := start(t, func(o *daemon.Options) { o.Demo = true }, withDemoCourse(t)...)
	waitPublished(t, d.EdgeURL())
	ctx := browsertest.Open(t)
	err := chromedp.Do(ctx, chromedp.Navigate(d.EdgeURL()+"/demo/question/mechanics/throw"), chromedp.WaitVisible("#commit"))
	if err != nil {
		text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
		t.Fatalf("%v; the page says:\n%s", err, text)
	}
	poll(t, func() bool { return browsertest.Evaluate[bool](t, ctx, `document.getElementById('picture').complete`) })
	picture := browsertest.Evaluate[string](t, ctx, `document.getElementById('picture').src`)
	commit := browsertest.Evaluate[string](t, ctx, `document.getElementById('commit').title`)
	if browsertest.Evaluate[int](t, ctx, `document.getElementById('picture').naturalWidth`) == 0 || !strings.Contains(picture, "/content/physics/"+commit+"~") {
		t.Errorf("the picture at %s of revision %s", picture, commit)
	}
	if styles := browsertest.Evaluate[int](t, ctx, `document.styleSheets[1].cssRules.length`); styles == 0 {
		t.Error("the stylesheet of the course is not there")
	}
	if n := browsertest.Evaluate[int](t, ctx, `document.querySelectorAll('nav li').length`); n != len(coursegen.DemoQuestions())-1 {
		t.Errorf("%d other questions", n)
	}
	browsertest.Screenshot(t, ctx, "question.png")
}

// waitPublished waits until the course was synced by itself.
func waitPublished(t *testing.T, edge string) {
	t.Helper()
	poll(t, func() bool {
		resp, err := http.Get(edge + "/demo/question/mechanics/throw") //nolint:noctx // a test
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// poll waits until a condition holds.
func poll(t *testing.T, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("not within 30 seconds")
		}
	}
}

// S4-26: the admin page shows, in a real browser, the hit rate and the bytes saved, of all sources and of each.
func TestTheAdminPageShowsWhatTheCacheOfContentSaves(t *testing.T) {
	t.Parallel()
	c := configure(t, withDemoCourse(t)...)
	d := startWith(t, c, func(o *daemon.Options) { o.Demo = true })
	waitPublished(t, d.EdgeURL())
	for range 4 { // and the calls of waitPublished
		resp, err := http.Get(d.EdgeURL() + "/demo/question/mechanics/throw") //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	ctx := browsertest.Open(t)
	text := visit(t, ctx, loginLink(t, c))
	for _, want := range []*regexp.Regexp{
		regexp.MustCompile(`(?s)hit rate\n+[1-9][0-9.]* %\n`),
		regexp.MustCompile(`(?s)saved bytes\n+[1-9][0-9.]* kB\n`),
		regexp.MustCompile(`(?s)hit rate by source\n+physics [1-9][0-9.]* % of [0-9]+ calls, [1-9][0-9.]* kB saved\n`),
		regexp.MustCompile(`(?s)published parts uploaded\n+[1-9][0-9]*\n`),
		regexp.MustCompile(`(?s)published uploaded bytes\n+[1-9][0-9.]* [kM]B\n`),
	} {
		if !want.MatchString(text) {
			t.Errorf("the page does not have %s:\n%s", want, text)
		}
	}
	if wide := browsertest.Evaluate[bool](t, ctx, "document.documentElement.scrollWidth > innerWidth"); wide {
		t.Error("the page is wider than the window")
	}
	browsertest.Screenshot(t, ctx, "admin-content.png")
}
