package coursegen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
)

// Kind is a sort of commit.
type Kind string

// The kinds that [Course.Commit] chooses among when none is named, with their share of an ordinary history.
const (
	Metadata     Kind = "metadata"      // 30 %: an assessment, so that no chunk changes
	OneQuestion  Kind = "one-question"  // 60 %: the text of one question
	TenQuestions Kind = "ten-questions" // 8 %
	CourseLevel  Kind = "course-level"  // 1 %: one file of serverFilesCourse
	Mass         Kind = "mass"          // 1 %: a third of all questions
)

// The kinds that happen only when they are named.
const (
	Add        Kind = "add"         // a new question
	Remove     Kind = "remove"      // a question goes
	Rename     Kind = "rename"      // a question gets another id, with the same content
	MoveInside Kind = "move-inside" // question a becomes a/inner
	FileToDir  Kind = "file-to-dir" // the file clientFilesCourse/notes becomes a directory of the same name, and back
	Revert     Kind = "revert"      // the tree of the commit before the last
	Empty      Kind = "empty"       // no change at all
	ForcePush  Kind = "force-push"  // the branch is rewritten: a commit without parent, with one question edited
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		Metadata, OneQuestion, TenQuestions, CourseLevel, Mass,
		Add, Remove, Rename, MoveInside, FileToDir, Revert, Empty, ForcePush,
	}
}

// Commit adds one commit for each kind, or one of a kind chosen by chance if none is given, and returns the last one's id.
func (c *Course) Commit(ctx context.Context, kinds ...Kind) (string, error) {
	if len(kinds) == 0 {
		kinds = []Kind{ordinary(newMaker(c.seed, fmt.Sprintf("kind %d", c.commits)).IntN(100))}
	}
	for _, kind := range kinds {
		if err := c.change(ctx, kind); err != nil {
			return "", fmt.Errorf("commit %s: %w", kind, err)
		}
	}
	return c.Head, nil
}

// ordinary returns the kind at a percentage.
func ordinary(percent int) Kind {
	switch {
	case percent < 30:
		return Metadata
	case percent < 90:
		return OneQuestion
	case percent < 98:
		return TenQuestions
	case percent < 99:
		return CourseLevel
	}
	return Mass
}

// change makes one commit.
func (c *Course) change(ctx context.Context, kind Kind) error {
	if !slices.Contains(Kinds(), kind) {
		return errors.New("there is no such kind")
	}
	if len(c.now.questions) == 0 && kind != Add && kind != Empty {
		return errors.New("the course has no questions")
	}
	e := edit{Course: c, m: newMaker(c.seed, fmt.Sprintf("commit %d", c.commits)), after: c.now.clone()}
	parent := c.Head
	if kind == Revert || kind == ForcePush {
		back := c.Head
		if kind == Revert {
			back += "~1"
		}
		tree, err := c.git(ctx, nil, "rev-parse", "--verify", back+"^{tree}")
		if err != nil {
			return fmt.Errorf("go back: %w", err)
		}
		e.tree = tree
	}
	if kind == ForcePush {
		parent = ""
	}
	if err := c.commit(ctx, "A change: "+string(kind), parent, func(i *importer) { e.apply(i, kind) }); err != nil {
		return err
	}
	c.before, c.now = c.now, e.after
	return nil
}

// edit is one commit in the making.
type edit struct {
	*Course
	m     *maker
	tree  string // to go back to
	after state
}

func (e *edit) apply(i *importer, kind Kind) {
	switch kind {
	case Metadata:
		dir := pick(e.m, e.after.assessments)
		i.write(e.m.assessment(dir, e.after.questions[:min(30, len(e.after.questions))]))
	case OneQuestion:
		e.rewrite(i, 1)
	case TenQuestions:
		e.rewrite(i, 10)
	case CourseLevel:
		i.write(text(pick(e.m, e.after.library), e.m.prose(2000)))
	case Mass:
		e.rewrite(i, (len(e.after.questions)+2)/3)
	case FileToDir:
		e.turnNotes(i)
	case Revert:
		i.reset(e.tree)
		e.after = e.before.clone()
	case ForcePush:
		i.reset(e.tree)
		e.rewrite(i, 1)
	case Empty:
	case Add, Remove, Rename, MoveInside:
		e.move(i, kind)
	}
}

// rewrite gives n questions another text.
func (e *edit) rewrite(i *importer, n int) {
	for _, q := range e.m.Perm(len(e.after.questions))[:min(n, len(e.after.questions))] {
		i.write(e.m.page(e.after.questions[q]))
	}
}

// move adds, removes or renames a question.
func (e *edit) move(i *importer, kind Kind) {
	q := &e.after.questions
	if kind == Add {
		id := fmt.Sprintf("added/%s-%d", pick(e.m, vocabulary), e.after.added)
		for _, f := range e.m.question(id, "") {
			i.write(f)
		}
		*q = append(*q, id)
		e.after.added++
		slices.Sort(*q)
		return
	}
	at := e.m.IntN(len(*q))
	id := (*q)[at]
	*q = slices.Delete(*q, at, at+1)
	old := "questions/" + id
	switch kind {
	case Remove:
		i.remove(old)
		return
	case Rename:
		e.after.added++
		id = fmt.Sprintf("renamed/%s-%d", path.Base(id), e.after.added)
	case MoveInside:
		id += "/inner"
	}
	i.rename(old, "questions/.moving")
	i.rename("questions/.moving", "questions/"+id)
	*q = append(*q, id)
	slices.Sort(*q)
}

// turnNotes makes a directory of a file, or a file of the directory.
func (e *edit) turnNotes(i *importer) {
	const notes = "clientFilesCourse/notes"
	i.remove(notes)
	e.after.notesDir = !e.after.notesDir
	if e.after.notesDir {
		i.write(text(notes+"/one.txt", e.m.prose(300)))
		i.write(text(notes+"/two.txt", e.m.prose(300)))
		return
	}
	i.write(text(notes, e.m.prose(600)))
}

// Write adds a commit that replaces the files at the paths below the course's root, and returns its id. A nil content removes the
// file or the directory.
func (c *Course) Write(ctx context.Context, message string, files map[string][]byte) (string, error) {
	err := c.commit(ctx, message, c.Head, func(i *importer) {
		for _, at := range slices.Sorted(maps.Keys(files)) {
			if content := files[at]; content == nil {
				i.remove(at)
			} else {
				i.write(file{path: at, content: content})
			}
		}
	})
	if err != nil {
		return "", fmt.Errorf("commit %s: %w", message, err)
	}
	c.before = c.now.clone()
	return c.Head, nil
}
