package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"holdfast/internal/treepack"
)

// examine looks for damage, as thoroughly as the doubt asks for, and returns what it found.
func (r *Repo) examine(ctx context.Context, d doubt) error {
	if d > none || !r.inspected() {
		if _, err := r.inspect(ctx); err != nil {
			return err
		}
	}
	if d == none {
		return nil
	}
	if d == unsound {
		if err := r.readAll(ctx); err != nil {
			return err
		}
	}
	if err := r.reachAll(ctx); err != nil {
		return err
	}
	r.foundWhole()
	return nil
}

// inspected reports whether the directory is the one that was inspected last.
func (r *Repo) inspected() bool {
	now := inodeOf(r.dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	return now != 0 && r.inode == now
}

// reachAll looks whether every object of the fetched and the kept commits' trees is there: 10,000 objects take some
// 50 ms.
func (r *Repo) reachAll(ctx context.Context) error {
	refs, err := r.refs(ctx)
	if err != nil || len(refs) == 0 {
		return err
	}
	var input strings.Builder
	for _, ref := range refs {
		input.WriteString(ref.id + "\n")
	}
	_, err = r.run(ctx, job{args: []string{"rev-list", "--no-walk=unsorted", "--objects", "--quiet", "--stdin"}, input: input.String()})
	if err != nil {
		return fmt.Errorf("look for missing objects: %w", err)
	}
	return nil
}

// readAll has git read and hash every object: some 30 MB a second. Fetches leave packs only, and repacking those; loose objects are
// what has no name any more, and too rare to be worth more than cloning again.
func (r *Repo) readAll(ctx context.Context) error {
	loose, err := filepath.Glob(filepath.Join(r.dir, "objects", "[0-9a-f][0-9a-f]"))
	if err != nil {
		return err
	}
	if len(loose) > 0 {
		return errors.New("an object could not be read, and there are loose ones")
	}
	packs, err := filepath.Glob(filepath.Join(r.dir, "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		return err
	}
	for i, pack := range packs {
		packs[i] = strings.TrimSuffix(pack, ".pack") + ".idx"
	}
	if _, err := r.run(ctx, job{args: append([]string{"verify-pack", "--"}, packs...)}); err != nil {
		return fmt.Errorf("read all objects: %w", err)
	}
	return nil
}

// ref is a name for a commit.
type ref struct {
	name, id string
	seq      int64 // of a kept commit; -1 for the fetched one
}

// refs returns the mirror's refs.
func (r *Repo) refs(ctx context.Context) ([]ref, error) {
	out, err := r.git(ctx, "for-each-ref", "--format=%(objectname) %(refname)", keptPrefix)
	if err != nil {
		return nil, fmt.Errorf("list refs: %w", err)
	}
	var all []ref
	for line := range strings.Lines(out) {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		seq, err := strconv.ParseInt(strings.TrimPrefix(name, keptPrefix), 10, 64)
		if err != nil {
			seq = -1
		}
		all = append(all, ref{name, id, seq})
	}
	return all, nil
}

// rescue takes kept commits over from a mirror that was moved aside, and then removes it. Most of them came with the fetch; those
// of rewritten branches are only there.
func (f *fetch) rescue(ctx context.Context) {
	broken := f.dir + ".broken"
	if _, err := os.Stat(broken); err != nil {
		return
	}
	old := &Repo{dir: broken, remote: f.remote, options: f.options, log: f.log}
	err := f.patch(broken)
	refs, refsErr := old.refs(ctx)
	err = errors.Join(err, refsErr)
	for _, ref := range refs {
		if id, parseErr := treepack.ParseID(ref.id); parseErr == nil && ref.seq >= 0 {
			err = errors.Join(err, f.take(ctx, broken, ref, id))
		}
	}
	if ctx.Err() != nil {
		return // the next Fetch tries again
	}
	if err != nil {
		f.log.WarnContext(ctx, "some kept commits of the broken mirror are lost", "url", f.remote.url, "reason", err)
	}
	if err := os.RemoveAll(broken); err != nil {
		f.log.WarnContext(ctx, "remove the broken mirror", "dir", broken, "reason", err)
	}
}

// patch gives a broken mirror what a repository needs to be read at all.
func (f *fetch) patch(broken string) error {
	for _, name := range []string{"HEAD", "config"} {
		content, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(broken, name), content, 0o600); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(broken, "objects"), 0o700)
}

// take keeps one commit of the broken mirror in the new one.
func (f *fetch) take(ctx context.Context, broken string, ref ref, id treepack.ID) error {
	if has, err := f.Has(ctx, id); err == nil && has {
		_, err := f.run(ctx, job{args: []string{"update-ref", ref.name, ref.id}, lock: f.lock})
		return err
	}
	from := address{protocol: "file", url: broken}
	_, err := f.run(ctx, job{
		args:   []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--update-shallow", "--refmap=", "--", broken, ref.name + ":" + ref.name},
		remote: &from, lock: f.lock, watch: true,
	})
	return err
}
