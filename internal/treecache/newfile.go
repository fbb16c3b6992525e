package treecache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// newFile is a file that is being written. Half of what unpacking costs are system calls for small files, so that it makes those three
// which it must: open, write, close. (os.File asks besides whether a regular file can be waited for.)
type newFile struct {
	files *files
	path  string
	mode  fs.FileMode
	fd    int
}

// create makes a file with its final mode, which the descriptor may write to although its readers may not.
func (f *files) create(path string, mode fs.FileMode) (*newFile, error) {
	if err := f.step("create", path); err != nil {
		return nil, err
	}
	for {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(mode.Perm()))
		if err == nil {
			return &newFile{f, path, mode, fd}, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, &fs.PathError{Op: "create", Path: path, Err: err}
		}
	}
}

// Write writes all of b, or tells why not.
func (n *newFile) Write(b []byte) (written int, err error) {
	for written < len(b) {
		k, err := unix.Write(n.fd, b[written:])
		switch {
		case err == nil:
			written += k
		case !errors.Is(err, unix.EINTR):
			return written, &fs.PathError{Op: "write", Path: n.path, Err: err}
		}
	}
	return written, nil
}

// finish sees to the mode and closes the file.
func (n *newFile) finish() error {
	var err error
	if !n.files.exact {
		err = unix.Fchmod(n.fd, uint32(n.mode.Perm()))
	}
	if err = errors.Join(err, unix.Close(n.fd)); err != nil {
		return &fs.PathError{Op: "close", Path: n.path, Err: err}
	}
	return nil
}

// probe finds out whether files and directories that are made below a directory have the mode that is asked for: with a umask of 022
// they do, with one of 077 or a default ACL they may not.
func (f *files) probe(dir string) {
	base := filepath.Join(dir, "mode")
	if os.Mkdir(base, modeDir) != nil {
		return
	}
	defer os.RemoveAll(base)
	file, err := (&files{exact: true}).create(filepath.Join(base, "file"), modeExec)
	if err != nil || file.finish() != nil {
		return
	}
	var d, x unix.Stat_t
	if unix.Lstat(base, &d) == nil && unix.Lstat(file.path, &x) == nil {
		f.exact = fs.FileMode(d.Mode&0o7777) == modeDir && fs.FileMode(x.Mode&0o7777) == modeExec
	}
}

// walkNames calls visit for everything below a directory, by its path from there, and first for the directory itself, whose path is "".
// It asks for no more than names and types.
func walkNames(dir, rel string, visit func(rel string, dir bool) error) error {
	if err := visit(rel, true); err != nil {
		return err
	}
	d, err := os.Open(below(dir, rel))
	if err != nil {
		return gone(err)
	}
	list, err := d.ReadDir(-1)
	if err = errors.Join(gone(err), d.Close()); err != nil {
		return err
	}
	for _, e := range list {
		path := e.Name()
		if rel != "" {
			path = rel + "/" + path
		}
		if e.IsDir() {
			err = walkNames(dir, path, visit)
		} else {
			err = visit(path, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
