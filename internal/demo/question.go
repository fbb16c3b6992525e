package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Source is the name of the demo's course in [content.sources].
const Source = "physics"

// Place is a directory with files of one revision of the course, which does not change.
type Place struct {
	Dir      string
	Commit   string
	URL      string            // path on the edge below which browsers find their files
	Chunks   map[string]string // directories below Dir by the keys of chunks
	Cold     int               // chunks that were not in place before
	WaitedMS float64
}

// Course is what the demo asks of the content feature: the one call that an application makes.
type Course interface {
	// Ensure puts what is wanted of the current revision in place. The files stay until release is called.
	Ensure(ctx context.Context, want ...string) (p Place, release func(), err error)
}

//go:embed page/question.gohtml
var questionText embed.FS

// questions shows the questions of a course, as an application would: it asks for the directory, reads the files, and lets
// browsers fetch pictures from the edge.
type questions struct {
	course Course
	page   *template.Template
}

func newQuestions(c Course) *questions {
	return &questions{c, template.Must(template.ParseFS(questionText, "page/question.gohtml"))}
}

// questionPage is what the template shows.
type questionPage struct {
	ID, Title string
	Body      template.HTML
	Place     Place
	Needs     []string
	Others    []link
	Trouble   string
}

type link struct{ ID, Title, Class string }

// questionID keeps paths out of the name of a question.
var questionID = regexp.MustCompile(`^[a-z0-9]+(/[a-z0-9]+){0,4}$`)

func (q *questions) show(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == "" {
		id = "mechanics/throw"
	}
	if !questionID.MatchString(id) {
		http.NotFound(w, r)
		return
	}
	page, err := q.render(r.Context(), id)
	status := http.StatusOK
	switch {
	case errors.Is(err, os.ErrNotExist):
		http.NotFound(w, r)
		return
	case err != nil:
		status = http.StatusServiceUnavailable
		page = questionPage{Title: "Not yet", Trouble: err.Error()}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = q.page.Execute(w, page) // the visitor has gone away
}

// render reads one question and the list of the others, all of one revision.
func (q *questions) render(ctx context.Context, id string) (questionPage, error) {
	p, release, err := q.course.Ensure(ctx, "render:"+id, "question:*")
	if err != nil {
		return questionPage{}, err
	}
	defer release()
	dir := filepath.Join(p.Dir, "questions", id)
	body, err := os.ReadFile(filepath.Join(dir, "question.html"))
	if err != nil {
		return questionPage{}, err
	}
	page := questionPage{ID: id, Place: p, Body: template.HTML(fill(string(body), p.URL+"questions/"+id)), Title: titleOf(dir)} //nolint:gosec // the page's policy lets no script run
	for key, path := range p.Chunks {
		other, ok := strings.CutPrefix(key, "question:")
		switch {
		case ok && other != id && exists(filepath.Join(p.Dir, path, "thumbnail.svg")):
			page.Others = append(page.Others, link{ID: other, Title: titleOf(filepath.Join(p.Dir, path))})
		case !ok || other == id:
			page.Needs = append(page.Needs, key)
		}
	}
	slices.Sort(page.Needs)
	slices.SortFunc(page.Others, func(a, b link) int { return strings.Compare(a.ID, b.ID) })
	return page, nil
}

var (
	figure = regexp.MustCompile(`(?s)<course-figure>(.*?)</course-figure>`)
	hint   = regexp.MustCompile(`(?s)<course-hint>(.*?)</course-hint>`)
)

// fill puts HTML in the place of the course's own elements. A real application runs the elements' programs.
func fill(text, base string) string {
	picture := template.HTMLEscapeString(base + "/clientFilesQuestion/picture.svg")
	text = figure.ReplaceAllString(text, `<figure><img id="picture" src="`+picture+`" alt=""><figcaption>$1</figcaption></figure>`)
	return hint.ReplaceAllString(text, `<details><summary>A hint</summary><p>$1</p></details>`)
}

// titleOf reads the title of a question.
func titleOf(dir string) string {
	var info struct{ Title string }
	data, err := os.ReadFile(filepath.Join(dir, "info.json"))
	if err != nil || json.Unmarshal(data, &info) != nil {
		return filepath.Base(dir)
	}
	return info.Title
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// Waited is the time of the call for people.
func (p Place) Waited() string { return fmt.Sprintf("%.2f ms", p.WaitedMS) }

// Short is the commit for people.
func (p Place) Short() string { return p.Commit[:min(12, len(p.Commit))] }
