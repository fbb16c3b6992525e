package disk

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// needDir opens a directory, and makes it durably if it is missing.
func (s *Store) needDir(rel string) (*dir, error) {
	if _, known := s.durable.Load(rel); known || rel == "." {
		d, err := s.root.openDir(rel)
		if rel == "." || !errors.Is(err, unix.ENOENT) {
			return d, err
		}
		s.durable.Delete(rel) // somebody removed it
	}
	parent, err := s.needDir(path.Dir(rel))
	if err != nil {
		return nil, err
	}
	defer parent.close()
	if err := unix.Mkdirat(parent.fd, path.Base(rel), dirMode); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &os.PathError{Op: "make directory", Path: rel, Err: err}
	}
	// Also when it was there: another process may have made it a moment ago, and not synced it yet.
	if err := parent.sync(); err != nil {
		return nil, err
	}
	d, err := s.root.openDir(rel)
	if err == nil {
		s.durable.Store(rel, struct{}{})
	}
	return d, err
}
