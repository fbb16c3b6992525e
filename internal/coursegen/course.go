package coursegen

import (
	"context"
	"errors"
	"path"
	"slices"
)

// Course is a generated repository.
type Course struct {
	Dir    string // of the repository: a bare one, or one with a working tree
	Root   string // of the course below the root of the repository
	Branch string
	Head   string // the last commit, in hexadecimal

	questions []string // ids, sorted
}

var errTodo = errors.New("not written yet")

// Generate makes the repository in a directory that does not exist or is empty.
func Generate(ctx context.Context, dir string, o Options) (*Course, error) { return nil, errTodo }

// Demo makes a bare repository with a small course that is pleasant to look at: see demo/questions.
func Demo(ctx context.Context, dir, format string) (*Course, error) { return nil, errTodo }

// Commit adds one commit for each kind, or one of a kind chosen by chance if none is given, and returns the last one's id.
func (c *Course) Commit(ctx context.Context, kinds ...Kind) (string, error) { return "", errTodo }

// Write adds a commit that replaces the files at the paths below the course's root, and returns its id. A nil content removes the
// file or the directory.
func (c *Course) Write(ctx context.Context, message string, files map[string][]byte) (string, error) {
	return "", errTodo
}

// Questions returns the ids of the questions, oddities excluded, in order.
func (c *Course) Questions() []string { return slices.Clone(c.questions) }

// QuestionPath returns the directory of a question below the root of the repository.
func (c *Course) QuestionPath(id string) string { return path.Join(c.Root, "questions", id) }
