package gitrepo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"holdfast/internal/treepack"
)

// batch is a git cat-file that answers one question after the other. Except for kill and wait it is used by one goroutine
// at a time. It ends by itself when we die, because its standard input ends then.
type batch struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	said  *lines
	inode uint64 // of the mirror when it started
	spent bool   // a context that ended is killing it

	once sync.Once
}

// startBatch starts git cat-file in one of its batch modes.
func (r *Repo) startBatch(mode string) (*batch, error) {
	b := &batch{said: &lines{}, inode: inodeOf(r.dir)}
	b.cmd = exec.Command(r.options.Git, "cat-file", mode) //nolint:gosec,noctx // the administrator's program; it lives until wait
	b.cmd.Dir, b.cmd.Env, b.cmd.Stderr = r.dir, r.environ(nil), b.said
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.in, b.out = in, bufio.NewReaderSize(out, 64<<10)
	return b, b.cmd.Start()
}

// ask puts a question, and lets use read the content of the answer, if there is one to read. When ctx ends the process does, too.
func (b *batch) ask(ctx context.Context, id treepack.ID, kind string, use func(*batch, int64) error) error {
	defer b.guard(ctx)()
	size, err := b.question(id, kind)
	if err != nil {
		return err
	}
	return use(b, size)
}

// guard kills the process when ctx ends before the function that it returns is called.
func (b *batch) guard(ctx context.Context) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	stop := context.AfterFunc(ctx, b.kill)
	return func() { b.spent = !stop() || b.spent }
}

// question asks for an object and reads the head of the answer: "<id> <kind> <size>" or "<id> missing".
func (b *batch) question(id treepack.ID, kind string) (int64, error) {
	if _, err := io.WriteString(b.in, id.String()+"\n"); err != nil {
		return 0, err
	}
	head, err := b.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("git cat-file ended: %w", err)
	}
	words := strings.Fields(head)
	switch {
	case len(words) == 2 && words[1] == "missing":
		return 0, like(treepack.ErrMissing, "the repository does not have the object %s", id)
	case len(words) != 3 || words[0] != id.String():
		return 0, fmt.Errorf("git cat-file answered %.100q", head)
	case words[1] != kind:
		return 0, &unwantedError{treepack.ErrTree, fmt.Sprintf("object %s is a %s, not a %s", id, words[1], kind)}
	}
	size, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil || size < 0 {
		return 0, fmt.Errorf("git cat-file answered %.100q", head)
	}
	return size, nil
}

// end reads the newline after a content.
func (b *batch) end() error {
	c, err := b.out.ReadByte()
	if err == nil && c != '\n' {
		err = errors.New("git cat-file sent more than it announced")
	}
	return err
}

// kill ends the process at once; wait reaps it.
func (b *batch) kill() { _ = b.cmd.Process.Kill() } // it may have ended by itself

// wait ends the process, politely if it listens, and returns when nothing of it is left.
func (b *batch) wait() {
	b.once.Do(func() {
		_ = b.in.Close()
		_ = b.cmd.Wait() // it closes our ends of the pipes; how it ended was seen in its answers
	})
}

// words returns what the process said last. It is called after wait.
func (b *batch) words() string { return strings.ReplaceAll(b.said.last(), "\n", "; ") }
