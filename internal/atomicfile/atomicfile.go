package atomicfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// TempPrefix begins the names of files that are being written.
const TempPrefix = ".holdfast-tmp-"

// WriteFile replaces the file at path by one that holds data, or creates it.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, (*File).Commit)
}

// WriteNew creates the file at path, and fails with fs.ErrExist when something has that name already.
func WriteNew(path string, data []byte, perm fs.FileMode) error {
	return write(path, data, perm, (*File).CommitNew)
}

func write(path string, data []byte, perm fs.FileMode, commit func(*File) error) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Discard())
	}
	return commit(f)
}

// SyncDir makes names that were created, renamed or removed in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// File is a file that is being written and does not have its name yet. It is not safe for concurrent use.
type File struct {
	path string
	perm fs.FileMode
	file *os.File // nil once committed or discarded
	disk disk
}

// Create begins to write the file that will be at path. Exactly one of Commit, CommitNew or Discard must follow;
// Discard may be deferred and does nothing after the others.
func Create(path string, perm fs.FileMode) (*File, error) { return create(path, perm, system{}) }

func create(path string, perm fs.FileMode, d disk) (*File, error) {
	temp := filepath.Join(filepath.Dir(path), TempPrefix+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return &File{path: path, perm: perm, file: f, disk: d}, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) {
	if f.file == nil {
		return 0, fmt.Errorf("write %s: %w", f.path, fs.ErrClosed)
	}
	n, err := f.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("write %s: %w", f.path, err)
	}
	return n, nil
}

// Commit makes the content durable and gives it its name, replacing what has that name now.
func (f *File) Commit() error { return f.commit(f.disk.rename) }

// CommitNew is Commit, but fails with fs.ErrExist when something has the name already.
func (f *File) CommitNew() error { return f.commit(f.disk.link) }

func (f *File) commit(name func(temp, path string) error) error {
	if f.file == nil {
		return fmt.Errorf("commit %s: %w", f.path, fs.ErrClosed)
	}
	if err := f.finish(name); err != nil {
		return errors.Join(fmt.Errorf("commit %s: %w", f.path, err), f.Discard())
	}
	f.file = nil
	if err := f.disk.syncDir(filepath.Dir(f.path)); err != nil {
		return fmt.Errorf("commit %s: written, but it may not survive power loss: %w", f.path, err)
	}
	return nil
}

// finish takes the content to disk and then to its name. After an error the temporary file is still there.
func (f *File) finish(name func(temp, path string) error) error {
	if err := f.file.Chmod(f.perm.Perm()); err != nil {
		return err
	}
	if err := f.disk.sync(f.file); err != nil {
		return err
	}
	if err := f.disk.close(f.file); err != nil {
		return err
	}
	return name(f.file.Name(), f.path)
}

// Discard gives the content up. It does nothing after a Commit that succeeded, and when called again.
func (f *File) Discard() error {
	if f.file == nil {
		return nil
	}
	_ = f.file.Close() // its content is not wanted, and after a failed commit it is closed already
	err := os.Remove(f.file.Name())
	f.file = nil
	if err != nil {
		return fmt.Errorf("discard %s: %w", f.path, err)
	}
	return nil
}
