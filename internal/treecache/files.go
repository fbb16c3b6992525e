package treecache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Modes of what a cache holds. Files of courses are never writable, not even for us; directories are, or we could not remove them.
const (
	modeDir  fs.FileMode = 0o755
	modeFile fs.FileMode = 0o444
	modeExec fs.FileMode = 0o555
	modeRoot fs.FileMode = 0o750
	modeOwn  fs.FileMode = 0o700 // tmp, trash, state
)

// files are the steps on the disk. Tests make them fail, and die at them.
type files struct {
	block  int64 // bytes that the file system gives out at once
	exact  bool  // what is made has the mode that was asked for, whatever umask and default ACL there are: see probe
	before func(op, path string) error
}

func (f *files) step(op, path string) error {
	if f.before == nil {
		return nil
	}
	return f.before(op, path)
}

func (f *files) mkdir(path string, mode fs.FileMode) error {
	if err := f.step("mkdir", path); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode); err != nil || f.exact {
		return err
	}
	return os.Chmod(path, mode)
}

// mkdirIfAbsent reports whether it made the directory.
func (f *files) mkdirIfAbsent(path string, mode fs.FileMode) (bool, error) {
	err := f.mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

func (f *files) link(from, to string) error {
	if err := f.step("link", to); err != nil {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, 0) // a symbolic link is linked itself
}

func (f *files) symlink(target, path string) error {
	if err := f.step("symlink", path); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

func (f *files) rename(from, to string) error {
	if err := f.step("rename", to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (f *files) remove(path string) error {
	if err := f.step("remove", path); err != nil {
		return err
	}
	return os.Remove(path)
}

// empty makes an empty file, or nothing.
func (f *files) empty(path string) error {
	file, err := f.create(path, modeFile)
	if err != nil {
		return err
	}
	if err := file.finish(); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// stamp sets the two times of a mark: the last use and the era.
func (f *files) stamp(path string, era int64, used time.Time) error {
	if err := f.step("stamp", path); err != nil {
		return err
	}
	return os.Chtimes(path, time.Unix(era, 0), used)
}

// usage is room on the disk.
type usage struct{ Bytes, Inodes int64 }

func (u usage) plus(v usage) usage  { return usage{u.Bytes + v.Bytes, u.Inodes + v.Inodes} }
func (u usage) minus(v usage) usage { return usage{u.Bytes - v.Bytes, u.Inodes - v.Inodes} }

// floor returns u without negative values.
func (u usage) floor() usage { return usage{max(u.Bytes, 0), max(u.Inodes, 0)} }

func (u usage) String() string { return fmt.Sprintf("%d bytes and %d inodes", u.Bytes, u.Inodes) }

const (
	// entry is what a name costs in its directory: 8 bytes and the name, at the fill of a directory that grew by splitting.
	entry = 128
	// inlineLink is the longest symbolic link that needs no block of its own (ext4, 60 bytes with the end).
	inlineLink = 59
)

// name returns the cost of one more name for what exists.
func (f *files) name() usage { return usage{Bytes: entry} }

// dir returns the cost of a directory.
func (f *files) dir() usage { return usage{Bytes: entry + f.block, Inodes: 1} }

// file returns the cost of a file. Large ones have blocks that tell where their blocks are.
func (f *files) file(size int64) usage {
	size += size >> 10
	return usage{Bytes: entry + (size+f.block-1)/f.block*f.block, Inodes: 1}
}

func (f *files) linkTo(target string) usage {
	if len(target) > inlineLink {
		return f.file(int64(len(target)))
	}
	return f.file(0)
}

// cost returns the cost of what lstat tells of.
func (f *files) cost(st *unix.Stat_t) usage {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return f.dir()
	case unix.S_IFLNK:
		if st.Size <= inlineLink {
			return f.file(0)
		}
	}
	return f.file(st.Size)
}

// walk calls visit for everything below a directory, the directory first. What vanishes meanwhile is passed over.
func walk(dir string, visit func(path string, st *unix.Stat_t) error) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return fmt.Errorf("lstat %s: %w", path, err)
		}
		return visit(path, &st)
	})
}

// names returns what is in a directory; nothing if there is none.
func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := d.Readdirnames(-1)
	if errors.Is(err, fs.ErrNotExist) { // removed while it was open
		err = nil
	}
	return list, errors.Join(err, d.Close())
}

// isFull reports errors of a disk, or of a quota on it, that has no room left.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
