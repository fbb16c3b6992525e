package coursegen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Course is a generated repository.
type Course struct {
	Dir    string // of the repository: a bare one, or one with a working tree
	Root   string // of the course below the root of the repository
	Branch string
	Head   string // the last commit, in hexadecimal

	seed     uint64
	checkout bool
	commits  int // so far
	now      state
	before   state // of the commit before the last
}

// state is what commits have to know of the course's content.
type state struct {
	questions   []string // ids, sorted
	library     []string // paths of text files of serverFilesCourse
	assessments []string // directories
	notesDir    bool     // clientFilesCourse/notes is a directory
	added       int      // questions that were added so far: their names end in it
}

func (s state) clone() state {
	s.questions, s.library, s.assessments = slices.Clone(s.questions), slices.Clone(s.library), slices.Clone(s.assessments)
	return s
}

// Questions returns the ids of the questions, oddities excluded, in order.
func (c *Course) Questions() []string { return slices.Clone(c.now.questions) }

// QuestionPath returns the directory of a question below the root of the repository.
func (c *Course) QuestionPath(id string) string { return path.Join(c.Root, "questions", id) }

// Generate makes the repository in a directory that does not exist or is empty.
func Generate(ctx context.Context, dir string, o Options) (*Course, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("generate a course: %w", err)
	}
	c := &Course{Root: o.Root, Branch: o.Branch, seed: o.Seed, checkout: o.Checkout}
	if err := c.init(ctx, dir, o.Format); err != nil {
		return nil, fmt.Errorf("generate a course: %w", err)
	}
	odd, err := c.prepareOddities(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("generate a course: %w", err)
	}
	err = c.commit(ctx, "A generated course", "", func(i *importer) {
		c.fill(i, o)
		for _, f := range odd {
			f(i)
		}
	})
	if err == nil {
		err = c.breakOddities(ctx, o)
	}
	if err != nil {
		return nil, fmt.Errorf("generate a course: %w", err)
	}
	return c, nil
}

// init makes an empty repository.
func (c *Course) init(ctx context.Context, dir, format string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return errors.Join(err, fmt.Errorf("the directory %s is not empty", dir))
	}
	c.Dir = dir
	args := []string{"init", "--quiet", "--template=", "--object-format=" + format, "--initial-branch=" + c.Branch}
	if !c.checkout {
		args = append(args, "--bare")
	}
	_, err = c.git(ctx, nil, args...)
	return err
}

// fill writes the first commit's files.
func (c *Course) fill(i *importer, o Options) {
	add := func(files []file) {
		for _, f := range files {
			i.write(f)
		}
	}
	m := newMaker(o.Seed, "questions")
	for n := range o.Questions {
		template := ""
		if n > 0 && m.chance(5) {
			template = pick(m, c.now.questions)
		}
		id := m.questionID(n)
		add(m.question(id, template))
		c.now.questions = append(c.now.questions, id)
	}
	slices.Sort(c.now.questions)
	library := newMaker(o.Seed, "library").library(o.ServerFiles)
	instances := newMaker(o.Seed, "instances").instances(c.now.questions)
	for _, f := range slices.Concat(library, instances) {
		c.now.learn(f.path)
	}
	add(library)
	add(newMaker(o.Seed, "course").courseLevel())
	add(instances)
}

// commit adds a commit to the branch, and brings the working tree up to date if there is one.
func (c *Course) commit(ctx context.Context, message, parent string, fill func(*importer)) error {
	i, err := c.newCommit(ctx, message, parent)
	if err != nil {
		return err
	}
	fill(i)
	if err := i.end(); err != nil {
		return err
	}
	if c.Head, err = c.git(ctx, nil, "rev-parse", "refs/heads/"+c.Branch); err != nil {
		return err
	}
	c.commits++
	if c.checkout {
		_, err = c.git(ctx, nil, "reset", "--quiet", "--hard", c.Head)
	}
	return err
}
