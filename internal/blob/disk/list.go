package disk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// List implements [blob.Lister]. It holds the names of one directory for each level at a time.
func (s *Store) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	l := &lister{ctx: ctx, store: s, prefix: prefix, after: string(after), yield: yield}
	if _, err := l.dir("", "."); err != nil {
		return fmt.Errorf("list blobs: %w", s.explain(err))
	}
	return nil
}

// lister walks the tree in the byte order of whole names.
type lister struct {
	ctx    context.Context
	store  *Store
	prefix string
	after  string
	yield  func(blob.Info) bool
}

// dir lists one directory; path ends with a slash unless it is the root's. It reports whether to go on.
func (l *lister) dir(path, rel string) (bool, error) {
	if err := l.ctx.Err(); err != nil {
		return false, err
	}
	d, err := l.store.root.openDir(rel)
	if err != nil {
		return false, err
	}
	defer d.close()
	entries, err := readNames(d)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		full := path + entry
		if !l.wants(full) {
			continue
		}
		more, err := l.entry(d, entry, full)
		if !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// wants reports whether the blob, or a blob in the directory (its name ends with a slash), can be one to list.
func (l *lister) wants(full string) bool {
	if strings.HasSuffix(full, "/") {
		overlaps := strings.HasPrefix(full, l.prefix) || strings.HasPrefix(l.prefix, full)
		return overlaps && (full > l.after || strings.HasPrefix(l.after, full))
	}
	return full > l.after && strings.HasPrefix(full, l.prefix)
}

func (l *lister) entry(d *dir, entry, full string) (bool, error) {
	if sub, ok := strings.CutSuffix(full, "/"); ok {
		more, err := l.dir(full, sub)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ELOOP) {
			return true, nil
		}
		return more, err
	}
	if err := l.ctx.Err(); err != nil {
		return false, err
	}
	st, err := d.stat(entry)
	if errors.Is(err, unix.ENOENT) { // deleted or moved since the names were read
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return true, nil
	}
	return l.yield(infoOf(blob.Name(full), &st)), nil
}

// readNames returns what a directory holds of blobs, sorted as their names are: a directory counts as its name with the
// slash that follows, which stands after "-" and "." and before letters.
func readNames(d *dir) ([]string, error) {
	entries, err := d.entries()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if blob.Name(e.Name()).Valid() != nil { // sidecars, temporary files, lost+found
			continue
		}
		if e.IsDir() {
			names = append(names, e.Name()+"/")
		} else {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}
