package coursegen

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// author stands in every commit.
const author = "Ada Author <ada@example.org>"

// firstCommit is when a course begins; each further commit comes an hour later.
var firstCommit = time.Date(2025, 9, 1, 8, 0, 0, 0, time.UTC)

// importer writes one commit to git fast-import. The first error stays; end returns it.
type importer struct {
	root string // of the course, with a slash behind it, or ""
	w    *bufio.Writer
	cmd  *exec.Cmd
	said *strings.Builder
	in   interface{ Close() error }
	err  error
}

// newCommit starts a commit on the branch: after the parent, or as a root of its own if parent is empty.
func (c *Course) newCommit(ctx context.Context, message, parent string) (*importer, error) {
	i := &importer{said: &strings.Builder{}}
	if c.Root != "" {
		i.root = c.Root + "/"
	}
	i.cmd = exec.CommandContext(ctx, "git", "-c", "core.compression=1", "-c", "core.fsync=none", "fast-import", "--quiet", "--force", "--depth=0") //nolint:gosec // constants
	i.cmd.Dir, i.cmd.Env, i.cmd.Stderr = c.Dir, environ(), i.said
	i.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := i.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := i.cmd.Start(); err != nil {
		return nil, fmt.Errorf("git fast-import: %w (apt-get install git)", err)
	}
	i.in, i.w = in, bufio.NewWriterSize(in, 256<<10)
	when := firstCommit.Add(time.Duration(c.commits) * time.Hour).Unix()
	i.printf("commit refs/heads/%s\ncommitter %s %d +0000\ndata %d\n%s\n", c.Branch, author, when, len(message), message)
	if parent != "" {
		i.printf("from %s\n", parent)
	}
	return i, nil
}

func (i *importer) printf(format string, args ...any) {
	if i.err == nil {
		_, i.err = fmt.Fprintf(i.w, format, args...)
	}
}

// write puts a file at a path below the root of the course.
func (i *importer) write(f file) {
	mode := "100644"
	switch {
	case f.exec:
		mode = "100755"
	case f.link:
		mode = "120000"
	}
	i.printf("M %s inline %s\ndata %d\n", mode, quote(i.root+f.path), len(f.content))
	if i.err == nil {
		_, i.err = i.w.Write(f.content)
	}
	i.printf("\n")
}

// place puts an object that the repository has already.
func (i *importer) place(mode, id, path string) {
	i.printf("M %s %s %s\n", mode, id, quote(i.root+path))
}

// reset makes the whole tree, not only the course's, that of another commit.
func (i *importer) reset(tree string) { i.printf("M 040000 %s \"\"\n", tree) }

func (i *importer) remove(path string) { i.printf("D %s\n", quote(i.root+path)) }

func (i *importer) rename(old, path string) {
	i.printf("R %s %s\n", quote(i.root+old), quote(i.root+path))
}

// end finishes the commit.
func (i *importer) end() error {
	if i.err == nil {
		i.err = i.w.Flush()
	}
	if err := i.in.Close(); i.err == nil {
		i.err = err
	}
	if err := i.cmd.Wait(); err != nil { // it says more than a broken pipe
		return fmt.Errorf("git fast-import: %w: %s", err, strings.TrimSpace(i.said.String()))
	}
	return i.err
}

// quote writes a path as C does, since a path may begin with a quote or hold a newline.
func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
