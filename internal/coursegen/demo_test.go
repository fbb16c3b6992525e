package coursegen_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
)

func TestTheDemoHasQuestionsWithTitleTextAndPictures(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		c, err := coursegen.Demo(t.Context(), t.TempDir(), format)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range coursegen.DemoQuestions() {
			at := "HEAD:" + c.QuestionPath(id)
			var info struct{ Title, Template string }
			if err := json.Unmarshal([]byte(git(t, c, "show", at+"/info.json")), &info); err != nil || info.Title == "" {
				t.Errorf("%s: title %q, %v", id, info.Title, err)
			}
			if git(t, c, "cat-file", "-t", "HEAD:"+c.QuestionPath(info.Template)+"/server.py") != "blob" {
				t.Errorf("%s: no template %s", id, info.Template)
			}
			if page := git(t, c, "show", at+"/question.html"); !strings.Contains(page, "<p>") {
				t.Errorf("%s: no text: %s", id, page)
			}
			wellFormed(t, id, git(t, c, "show", at+"/clientFilesQuestion/picture.svg"))
			wellFormed(t, id, git(t, c, "show", at+"/thumbnail.svg"))
		}
	}
}

func wellFormed(t *testing.T, what, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	elements := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v in %s", what, err, svg)
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	if elements < 3 {
		t.Errorf("%s: a picture of %d elements", what, elements)
	}
}

// The commits of the demo are ordinary ones, so that a page can be seen to change.
func TestTheDemoCanBeEdited(t *testing.T) {
	t.Parallel()
	c, err := coursegen.Demo(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []coursegen.Kind{coursegen.Metadata, coursegen.OneQuestion, coursegen.CourseLevel, coursegen.Rename} {
		before := c.Head
		commit(t, c, kind)
		if len(changed(t, c, before, c.Head)) == 0 {
			t.Errorf("%s changes nothing", kind)
		}
	}
}
