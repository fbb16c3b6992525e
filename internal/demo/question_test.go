package demo_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/demo"
)

// course is a directory with two questions.
type course struct {
	dir      string
	err      error
	asked    []string
	released int
}

// Ensure implements demo.Course.
func (c *course) Ensure(_ context.Context, want ...string) (demo.Place, func(), error) {
	c.asked = want
	p := demo.Place{
		Dir: c.dir, Commit: "234fae12cd0011223344556677889900aabbccdd", URL: "/content/physics/234fae12/", Cold: 2, WaitedMS: 1.5,
		Chunks: map[string]string{"question:mechanics/throw": "questions/mechanics/throw", "question:optics/lens": "questions/optics/lens", "elements": "elements"},
	}
	return p, func() { c.released++ }, c.err
}

func newCourse(t *testing.T) *course {
	t.Helper()
	c := &course{dir: t.TempDir()}
	for name, text := range map[string]string{
		"questions/mechanics/throw/info.json":     `{"title": "How far <b>?"}`,
		"questions/mechanics/throw/question.html": `<course-figure>A ball.</course-figure><p>How far?</p><course-hint>Think.</course-hint>`,
		"questions/optics/lens/info.json":         `{"title": "Where is it sharp?"}`,
		"questions/optics/lens/thumbnail.svg":     `<svg/>`,
	} {
		path := filepath.Join(c.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *course) get(path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	for pattern, h := range demo.Routes(&site{}, c) {
		mux.Handle(pattern, h)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestAQuestionIsShownFromTheFilesOfOneCall(t *testing.T) {
	t.Parallel()
	c := newCourse(t)
	w := c.get("/demo/question/mechanics/throw")
	page := w.Body.String()
	for _, want := range []string{
		"<h1>How far &lt;b&gt;?</h1>", `<img id="picture" src="/content/physics/234fae12/questions/mechanics/throw/clientFilesQuestion/picture.svg"`,
		"<figcaption>A ball.</figcaption>", "<summary>A hint</summary>", `href="/content/physics/234fae12/clientFilesCourse/course.css"`,
		`<a href="/demo/question/optics/lens">Where is it sharp?</a>`, "234fae12cd00", "elements, question:mechanics/throw",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if w.Code != 200 || c.released != 1 || len(c.asked) != 2 || c.asked[0] != "render:mechanics/throw" {
		t.Errorf("%d, released %d times, asked %q", w.Code, c.released, c.asked)
	}
	if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("policy %q", policy)
	}
}

func TestWhatIsNoQuestionIsNotFoundAndTroubleIsTold(t *testing.T) {
	t.Parallel()
	c := newCourse(t)
	for _, path := range []string{"/demo/question/no/such", "/demo/question/Mechanics", "/demo/question/a..b"} {
		if w := c.get(path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	c.err = errors.New("not published yet")
	if w := c.get("/demo/question/mechanics/throw"); w.Code != 503 || !strings.Contains(w.Body.String(), "not published yet") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
