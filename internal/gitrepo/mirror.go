package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/treepack"
)

// adopt makes the mirror ready: as it is, or made anew. The caller holds the lock.
func (r *Repo) adopt(ctx context.Context) error {
	empty, err := r.absent()
	if err != nil {
		return err
	}
	if empty {
		return r.create(ctx)
	}
	format, err := r.inspect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return r.replace(ctx, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.format = format
	return nil
}

// absent reports that the directory has nothing in it. What is not ours is refused, since we might remove it.
func (r *Repo) absent() (bool, error) {
	entries, err := os.ReadDir(r.dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return true, nil
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(r.dir, marker))
	}
	if err != nil {
		return false, like(ErrAddress, "the directory %s holds something that is not a mirror of ours: %w", r.dir, err).
			WithHint("choose an empty directory for the mirror, or remove what is in this one")
	}
	return false, nil
}

// inspect looks whether the directory is a repository of the sort that we make, and returns its format.
func (r *Repo) inspect(ctx context.Context) (treepack.Format, error) {
	out, err := r.git(ctx, "rev-parse", "--is-bare-repository", "--show-object-format")
	if err != nil {
		return 0, err
	}
	bare, name, _ := strings.Cut(out, "\n")
	if bare != "true" {
		return 0, errors.New("it is not bare")
	}
	if _, err := os.Stat(filepath.Join(r.dir, "objects", "info", "alternates")); err == nil {
		return 0, errors.New("it borrows objects from elsewhere")
	}
	format, err := treepack.ParseFormat(name)
	if err == nil {
		now := inodeOf(r.dir)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.inode = now
	}
	return format, err
}

// create makes an empty mirror of the remote's format.
func (r *Repo) create(ctx context.Context) error {
	format, err := r.askFormat(ctx)
	if err != nil {
		return err
	}
	return r.make(ctx, format)
}

// make makes an empty mirror. Nobody sees half of it.
func (r *Repo) make(ctx context.Context, format treepack.Format) error {
	half := r.dir + ".new"
	if err := os.RemoveAll(half); err != nil {
		return fmt.Errorf("make the mirror: %w", err)
	}
	_, err := r.run(ctx, job{args: []string{"--git-dir=" + half, "init", "--quiet", "--bare", "--template=", "--object-format=" + format.String()}, outside: true})
	if err != nil {
		return r.explain("make the mirror of", err)
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(half, marker), []byte("Made by Holdfast. It can be removed at any time: it is cloned again.\n"), 0o600),
		// Git reads local repositories of other users only when it is told to; the administrator has named this one.
		os.WriteFile(filepath.Join(half, trust), []byte("[safe]\n\tdirectory = *\n"), 0o600),
	)
	if err == nil {
		err = os.Remove(r.dir) // an empty one
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r.explain("make the mirror of", err)
	}
	if err := os.Rename(half, r.dir); err != nil {
		return fmt.Errorf("make the mirror: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.format, r.doubt, r.examined, r.whole, r.inode = format, unknown, treepack.ID{}, time.Time{}, 0
	return nil
}

// askFormat asks the remote for the hash of its object ids: the length of any id tells. It makes no difference which branch.
func (r *Repo) askFormat(ctx context.Context) (treepack.Format, error) {
	out, err := r.run(ctx, job{args: []string{"ls-remote", "--quiet", "--", r.remote.url}, remote: &r.remote, outside: true, watch: true})
	if err != nil {
		return 0, r.explain("look at", err)
	}
	hex, _, _ := bytes.Cut(out, []byte("\t"))
	if len(hex) == 0 {
		return 0, like(ErrNoBranch, "look at %s: the repository is empty", r.remote.url).WithHint("push a commit first")
	}
	id, err := treepack.ParseID(string(hex))
	if err != nil {
		return 0, like(ErrNotARepository, "look at %s: %w", r.remote.url, err).WithHint("see that the URL is that of a git repository")
	}
	return id.Format(), nil
}

// replace moves a broken mirror aside and makes a new one, if the remote answers. What is broken stays until its kept commits are
// taken over, and a newer broken one does not displace it before.
func (r *Repo) replace(ctx context.Context, reason error) error {
	r.log.WarnContext(ctx, "the mirror is broken: cloning again", "url", r.remote.url, "dir", r.dir, "reason", reason)
	format, err := r.askFormat(ctx)
	if err != nil {
		return err
	}
	r.Rest() // readers would go on with the broken one
	broken := r.dir + ".broken"
	if _, statErr := os.Stat(broken); statErr == nil {
		err = os.RemoveAll(r.dir)
	} else {
		err = os.Rename(r.dir, broken)
	}
	if err != nil {
		return fmt.Errorf("move the broken mirror aside: %w", err)
	}
	return r.make(ctx, format)
}

// sweep removes what killed processes and power cuts left: locks, files that were being written, refs without an id. The caller
// holds the lock, which every git process that changes the mirror holds, too.
func (r *Repo) sweep() error {
	var all []error
	_ = filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be listed is found by the examination
		}
		if !stale(path, strings.TrimPrefix(path, r.dir+"/"), d) {
			return nil
		}
		all = append(all, os.RemoveAll(path))
		if d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("clean the mirror: %w", err)
	}
	return nil
}

// stale reports what nobody needs once no process changes the mirror.
func stale(path, below string, d fs.DirEntry) bool {
	name := d.Name()
	switch {
	case strings.HasSuffix(name, ".lock"), name == "gc.pid", name == "FETCH_HEAD":
		return true
	case strings.HasPrefix(below, "objects/"):
		return strings.HasPrefix(name, "tmp_") || strings.HasPrefix(name, "incoming-") || strings.HasPrefix(name, ".tmp-")
	case strings.HasPrefix(below, keptPrefix) && !d.IsDir():
		content, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		_, err = treepack.ParseID(strings.TrimSuffix(string(content), "\n"))
		return err != nil
	}
	return false
}
