package cli

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/fault"
)

// parallelFiles is how many files are moved at once: enough to hide the wait for the disk, few enough to leave the
// server to others.
const parallelFiles = 4

// eachFile moves n files, some at once, and shows progress. One file that fails is the error of the command; of several
// each failure is told, and the others go on, unless nothing can work: no daemon, no more time.
func (a *app) eachFile(ctx context.Context, n int, move func(context.Context, int, *progress) error, name func(int) string) error {
	p := a.newProgress()
	defer p.wait()
	g, group := errgroup.WithContext(ctx)
	g.SetLimit(parallelFiles)
	var mu sync.Mutex // protects failed
	failed := 0
	for i := range n {
		if group.Err() != nil {
			break
		}
		g.Go(func() error {
			err := move(group, i, p)
			if err == nil || n == 1 || hopeless(err) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			failed++
			a.fileFailed(name(i), err)
			return nil
		})
	}
	err := g.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // whatever it broke on the way
	case err != nil:
		return err
	}
	if failed > 0 {
		return partial(n-failed, failed)
	}
	return nil
}

// hopeless reports whether trying the next file makes no sense.
func hopeless(err error) bool {
	return errors.Is(err, context.Canceled) || fault.CodeOf(err) == "not_running" || fault.CodeOf(err) == "socket_denied"
}

// fileFailed tells that one of several files failed.
func (a *app) fileFailed(name string, err error) {
	if a.json {
		_ = a.line(failedLine{name, err.Error(), fault.CodeOf(err), fault.HintOf(err)}) // the reader went away
		return
	}
	a.notef("holdfast: %s: %v", name, err)
	if hint := fault.HintOf(err); hint != "" {
		a.notef("hint: %s", hint)
	}
}

// failedLine is a file that failed among others, with --json.
type failedLine struct {
	File  string `json:"file"`
	Error string `json:"error"`
	Code  string `json:"code"`
	Hint  string `json:"hint,omitempty"`
}
