package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// output is what the writer does with its file; tests put failures in between.
type output interface {
	io.Writer
	Sync() error
}

// stream is the open file of the stream.
type stream struct {
	output
	file *os.File
	path string
	size int64 // of the file, as far as we know
	torn int64 // bytes at its end that are the beginning of a line
}

// openStream opens the file for appending, makes it if there is none, and mends its end unless another process writes
// to it. The line that tells of the mending is returned, to be written first.
func openStream(path string) (*stream, []byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("open audit stream: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open audit stream: %w", err)
	}
	s := &stream{output: f, file: f, path: path}
	mended, err := s.mend()
	if err == nil {
		err = syncDir(path)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open audit stream: %w", err), f.Close())
	}
	return s, mended, nil
}

// mend repairs the end of the file if nobody else writes to it, and announces that we do.
func (s *stream) mend() ([]byte, error) {
	var mended []byte
	alone, err := s.lock(unix.LOCK_EX)
	if err == nil && alone {
		mended, err = recoverEnd(s.file)
	}
	if err != nil {
		return nil, err
	}
	if _, err := s.lock(unix.LOCK_SH); err != nil {
		return nil, err
	}
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	s.size = info.Size()
	return mended, nil
}

// lock tries to take a lock on the file, of which every writer holds a shared one.
func (s *stream) lock(how int) (bool, error) {
	for {
		err := unix.Flock(int(s.file.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		case err != nil:
			return false, fmt.Errorf("lock: %w", err)
		default:
			return true, nil
		}
	}
}

// write appends lines; n of the bytes went into the file even if there is an error.
func (s *stream) write(lines []byte) (n int, err error) {
	n, err = s.Write(lines)
	s.size += int64(n)
	s.torn = tornAfter(lines[:n], s.torn)
	return n, err
}

// tornAfter counts the bytes behind the last whole line once more bytes were written.
func tornAfter(written []byte, before int64) int64 {
	for i := len(written) - 1; i >= 0; i-- {
		if written[i] == '\n' {
			return int64(len(written) - 1 - i)
		}
	}
	return before + int64(len(written))
}

// isCurrent reports whether the path still leads to this file.
func (s *stream) isCurrent() bool {
	mine, err := s.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(s.path)
	return err == nil && os.SameFile(mine, there)
}

// close cuts off the beginning of a line, which is to be written again elsewhere, syncs and closes.
func (s *stream) close() error {
	var err error
	if s.torn > 0 {
		err = s.cutTorn()
	}
	return errors.Join(err, s.Sync(), s.file.Close())
}

// cutTorn cuts off an unfinished line if we are alone; otherwise lines of another process may stand behind it.
func (s *stream) cutTorn() error {
	alone, err := s.lock(unix.LOCK_EX)
	if err != nil || !alone {
		return err
	}
	if err := s.file.Truncate(s.size - s.torn); err != nil {
		return fmt.Errorf("cut an unfinished line off %s: %w", s.path, err)
	}
	return nil
}

// setAside renames the file to a name with the time that no other file has, and returns the name.
func (s *stream) setAside(now time.Time) (string, error) {
	ext := filepath.Ext(s.path)
	stem := s.path[:len(s.path)-len(ext)] + "-" + now.UTC().Format("20060102T150405.000000Z")
	for i := 1; ; i++ {
		name := stem + ext
		if i > 1 {
			name = fmt.Sprintf("%s-%d%s", stem, i, ext)
		}
		err := unix.Renameat2(unix.AT_FDCWD, s.path, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // file systems without the flag
			err = renameNew(s.path, name)
		}
		if err == nil || !errors.Is(err, os.ErrExist) || i == 1000 {
			return name, err
		}
	}
}

// renameNew renames to a name that does not exist.
func renameNew(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return os.ErrExist
	}
	return os.Rename(from, to)
}

// asidePattern matches the names that setAside gives.
func asidePattern(path string) string {
	ext := filepath.Ext(path)
	const stamp = "-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T[0-9][0-9][0-9][0-9][0-9][0-9].*Z*"
	return path[:len(path)-len(ext)] + stamp + ext
}

// syncDir makes a file's name survive a loss of power.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
