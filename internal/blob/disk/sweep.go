package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// SweepAge is how old a left-over must be before Sweep takes it: longer than any upload lasts without a byte.
const SweepAge = 24 * time.Hour

// Sweep removes what killed processes left behind longer than age ago: temporary files, and sidecars without a blob. It
// returns how many. Nothing that it removes can be read through the store; it only takes space. On file systems with unnamed
// files there is hardly ever anything. It reads every directory, so run it in the background, once after the start.
func (s *Store) Sweep(ctx context.Context, age time.Duration) (int, error) {
	w := &sweeper{ctx: ctx, store: s, before: time.Now().Add(-age)}
	if err := w.dir("."); err != nil {
		return w.removed, fmt.Errorf("sweep store: %w", s.explain(err))
	}
	return w.removed, nil
}

type sweeper struct {
	ctx     context.Context
	store   *Store
	before  time.Time
	removed int
}

func (w *sweeper) dir(rel string) error {
	d, err := w.store.root.openDir(rel)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EACCES) { // a foreign link, lost+found
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	entries, err := d.entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.entry(d, e); err != nil {
			return err
		}
	}
	return nil
}

func (w *sweeper) entry(d *dir, e os.DirEntry) error {
	name := e.Name()
	switch {
	case name == journalDir: // whoever uses it keeps it clean
		return nil
	case e.IsDir():
		return w.dir(path.Join(d.rel, name))
	case name[0] != '.':
		return nil
	case strings.HasSuffix(name, ".meta"):
		return w.meta(d, name)
	case strings.HasPrefix(name, tempPrefix):
		return w.remove(d, name)
	}
	return nil // the sentinel, or .nfs… of an NFS client, which removes it itself
}

// meta looks at a sidecar. One that is bound to the inode of its blob only lacks its lasting name.
func (w *sweeper) meta(d *dir, name string) error {
	base, ino, bound := strings.Cut(name[1:len(name)-len(".meta")], "~")
	st, err := d.stat(base)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	there := err == nil
	if bound && there && strconv.FormatUint(st.Ino, 16) == ino {
		return d.rename(name, d, metaName(base))
	}
	if there && !bound {
		return nil
	}
	return w.remove(d, name)
}

// remove removes the file if it is old enough. Its age is looked at last: a writer that takes the name of a blob that was
// deleted puts a young file there.
func (w *sweeper) remove(d *dir, name string) error {
	st, err := d.stat(name)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	if time.Unix(st.Mtim.Unix()).After(w.before) {
		return nil
	}
	w.removed++
	return d.remove(name)
}
