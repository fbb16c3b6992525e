package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// Fetch brings the branch of the remote, its default branch if empty, and returns its commit. progress (may be nil) gets git's
// lines, from one goroutine at a time. A mirror that turns out to be broken is cloned again.
func (r *Repo) Fetch(ctx context.Context, branch string, progress func(line string)) (treepack.ID, error) {
	if err := checkBranch(branch); err != nil {
		return treepack.ID{}, err
	}
	lock, err := r.lock(ctx)
	if err != nil {
		return treepack.ID{}, err
	}
	defer func() { _ = lock.Close() }()
	f := &fetch{Repo: r, branch: branch, progress: progress, lock: lock}
	id, err := f.whole(ctx)
	if err == nil {
		f.rescue(ctx)
	}
	return id, err
}

// fetch is one Fetch under the lock.
type fetch struct {
	*Repo
	branch   string
	progress func(string)
	lock     *os.File
}

// whole fetches into a mirror that is whole, which may take a second try.
func (f *fetch) whole(ctx context.Context) (treepack.ID, error) {
	if err := f.prepare(ctx); err != nil {
		return treepack.ID{}, err
	}
	id, err := f.once(ctx)
	if err == nil {
		return id, f.limit(ctx, id)
	}
	broken := f.blame(ctx, err)
	if broken == nil {
		return treepack.ID{}, err
	}
	if err := f.replace(ctx, broken); err != nil {
		return treepack.ID{}, err
	}
	if id, err = f.once(ctx); err != nil {
		return treepack.ID{}, err
	}
	return id, f.limit(ctx, id)
}

// blame says what is wrong with the mirror that explains why a fetch failed; nil when nothing is.
func (f *fetch) blame(ctx context.Context, failure error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case strings.Contains(failure.Error(), "mismatched algorithms"):
		return errors.New("the remote's object ids have another format now")
	case errors.Is(failure, ErrMirrorCorrupt):
		return failure
	case errors.Is(failure, ErrFailed), errors.Is(failure, ErrRemoteCorrupt), errors.Is(failure, ErrUnreachable):
		// Damage makes git fail in many words, the end of the connection among them.
		return f.examine(ctx, unsound)
	}
	return nil
}

// prepare brings the mirror into a state to fetch into.
func (f *fetch) prepare(ctx context.Context) error {
	if empty, err := f.absent(); err != nil || empty {
		if err != nil {
			return err
		}
		return f.create(ctx) // somebody removed it: that is allowed
	}
	if err := f.sweep(); err != nil {
		return err
	}
	d, _ := f.doubts()
	if broken := f.examine(ctx, d); broken != nil {
		if ctx.Err() != nil {
			return broken
		}
		return f.replace(ctx, broken)
	}
	if d != none {
		id, _ := f.peeled(ctx) // none before the first fetch
		f.clear(id)            // it was examined with the others
	}
	return nil
}

// once fetches, and looks whether everything of the commit arrived.
func (f *fetch) once(ctx context.Context) (treepack.ID, error) {
	args := []string{
		"fetch", "--progress", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance",
		"--update-shallow", "--refmap=",
	}
	if _, err := os.Stat(filepath.Join(f.dir, "shallow")); err == nil {
		args = append(args, "--unshallow")
	}
	from := "HEAD"
	if f.branch != "" {
		from = "refs/heads/" + f.branch
	}
	args = append(args, "--", f.remote.url, "+"+from+":"+fetchedRef)
	_, err := f.run(ctx, job{args: args, remote: &f.remote, lock: f.lock, line: f.progress, watch: true})
	if err != nil {
		_ = f.sweep() // what SIGKILL left; the next Fetch sweeps again
		return treepack.ID{}, f.explainFetch(ctx, err)
	}
	id, err := f.fetched(ctx)
	if err != nil {
		return treepack.ID{}, like(ErrMirrorCorrupt, "fetch %s: %w", f.remote.url, err)
	}
	if _, examined := f.doubts(); examined == id {
		return id, nil
	}
	if f.reachNew(ctx, id) {
		f.clear(id)
		return id, nil
	}
	if err := f.examine(ctx, missing); err != nil {
		return treepack.ID{}, like(ErrMirrorCorrupt, "fetch %s: %w", f.remote.url, err)
	}
	f.clear(id)
	return id, nil
}

// fetched returns what the ref of the fetched commit names. Its file tells, unless git has packed it, or it names no commit.
func (f *fetch) fetched(ctx context.Context) (treepack.ID, error) {
	text, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(fetchedRef)))
	if err == nil {
		id, err := treepack.ParseID(strings.TrimSuffix(string(text), "\n"))
		if _, examined := f.doubts(); err == nil && examined == id {
			return id, nil // seen to be a commit before
		}
	}
	return f.peeled(ctx)
}

// peeled asks git for the fetched commit.
func (f *fetch) peeled(ctx context.Context) (treepack.ID, error) {
	text, err := f.git(ctx, "rev-parse", "--verify", "--end-of-options", fetchedRef+"^{commit}")
	if err != nil {
		return treepack.ID{}, err
	}
	return treepack.ParseID(text)
}

// explainFetch is explain with the names of the branches that there are.
func (f *fetch) explainFetch(ctx context.Context, err error) error {
	err = f.explain("fetch", err)
	if !errors.Is(err, ErrNoBranch) {
		return err
	}
	if f.branch == "" {
		err = like(ErrNoBranch, "fetch %s: the repository has no default branch, or no commit", f.remote.url)
	} else {
		err = like(ErrNoBranch, "fetch %s: there is no branch %s, or not any more", f.remote.url, f.branch)
	}
	e := (*fault.Error)(nil)
	_ = errors.As(err, &e) // it is one
	return e.WithHint("%s", f.branches(ctx))
}

// branches returns a hint that names some of the remote's branches.
func (f *fetch) branches(ctx context.Context) string {
	const some = 8
	out, err := f.run(ctx, job{args: []string{"ls-remote", "--quiet", "--heads", "--", f.remote.url}, remote: &f.remote, outside: true, watch: true})
	if err != nil || len(out) == 0 {
		return "push a commit to the branch, or name another one in the source"
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(line, "refs/heads/"); ok && len(names) < some {
			names = append(names, printable([]byte(name)))
		}
	}
	return "name one of the repository's branches in the source: " + strings.Join(names, ", ")
}

// limit refuses a mirror that outgrew its limit between two looks of the watch. It tries first what cleaning gives.
func (f *fetch) limit(ctx context.Context, id treepack.ID) error {
	limit := f.options.MaxBytes
	if limit <= 0 || f.size() <= limit {
		return nil
	}
	if err := f.clean(ctx, f.lock, "now"); err != nil {
		return err
	}
	if n := f.size(); n > limit {
		return like(ErrTooLarge, "fetch %s: commit %s and its history need %d bytes; the limit is %d", f.remote.url, id, n, limit).
			WithHint("raise the size limit of the source, or take large files out of the repository's history")
	}
	return nil
}
