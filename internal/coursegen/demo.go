package coursegen

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// demoFiles is a small course by hand: six questions with text and a picture each, a template, two elements.
//
//go:embed demo
var demoFiles embed.FS

// Demo makes a bare repository with a small course that is pleasant to look at: each question of DemoQuestions has a title in
// info.json, text in question.html, a picture in clientFilesQuestion/picture.svg and a small one in thumbnail.svg.
func Demo(ctx context.Context, dir, format string) (*Course, error) {
	c := &Course{Branch: "main"}
	if err := c.init(ctx, dir, Options{Format: format}.withDefaults().Format); err != nil {
		return nil, fmt.Errorf("make the demo's course: %w", err)
	}
	files, err := demoContent()
	if err != nil {
		return nil, fmt.Errorf("make the demo's course: %w", err)
	}
	err = c.commit(ctx, "Physics by pictures", "", func(i *importer) {
		for _, f := range files {
			i.write(f)
			c.now.learn(f.path)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("make the demo's course: %w", err)
	}
	return c, nil
}

// DemoQuestions returns the ids of the demo's questions in the order of its assessment.
func DemoQuestions() []string {
	return []string{"mechanics/throw", "mechanics/pendulum", "optics/lens", "electricity/circuit", "waves/beats", "gravitation/orbit"}
}

func demoContent() ([]file, error) {
	var files []file
	err := fs.WalkDir(demoFiles, "demo", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := demoFiles.ReadFile(at)
		files = append(files, file{path: strings.TrimPrefix(at, "demo/"), content: content})
		return err
	})
	return files, err
}

// learn notes what commits have to know of a path.
func (s *state) learn(at string) {
	if id, ok := strings.CutSuffix(at, "/info.json"); ok {
		if id, ok = strings.CutPrefix(id, "questions/"); ok {
			s.questions = append(s.questions, id)
			slices.Sort(s.questions)
		}
	}
	if strings.HasPrefix(at, "serverFilesCourse/") && strings.HasSuffix(at, ".py") {
		s.library = append(s.library, at)
	}
	if dir, ok := strings.CutSuffix(at, "infoAssessment.json"); ok {
		s.assessments = append(s.assessments, dir)
	}
}
