package treecache

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treepack"
)

// sink writes a part into a directory below tmp. It is treepack.Sink.
type sink struct {
	p    *process
	b    *budget
	dir  string // that becomes the object
	exec bool   // mode of a part that is one file
	kept treepack.Kept
	buf  []byte
	err  error // the first error of the disk or the budget: not the pack's fault
}

func (p *process) newSink(b *budget, dir string, exec bool) (*sink, error) {
	s := &sink{p: p, b: b, dir: dir, exec: exec, kept: treepack.Kept{}, buf: make([]byte, 64<<10)}
	for _, d := range []string{dir, s.at("")} {
		if err := s.mkdir(d); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// at returns where a path of the part lies.
func (s *sink) at(path string) string { return below(s.dir, treeName, path) }

func (s *sink) fail(err error) error {
	if s.err == nil {
		s.err = err
	}
	return err
}

func (s *sink) mkdir(path string) error {
	if err := s.b.take(s.p.dir()); err != nil {
		return s.fail(err)
	}
	return s.fail(s.p.mkdir(path, modeDir))
}

// Dir makes a directory. The root is there already.
func (s *sink) Dir(path string) error {
	if path == "" {
		return nil
	}
	return s.mkdir(s.at(path))
}

// File writes a file. The bytes that are wrong are found by r.
func (s *sink) File(path string, exec bool, size int64, r io.Reader) error {
	if path == "" {
		path, exec = blobName, s.exec
	}
	mode := modeFile
	if exec {
		mode = modeExec
	}
	if err := s.b.take(s.p.file(size)); err != nil {
		return s.fail(err)
	}
	f, err := s.p.create(s.at(path), mode)
	if err != nil {
		return s.fail(err)
	}
	w := &diskWriter{sink: s, file: f}
	_, err = io.CopyBuffer(w, onlyReader{r}, s.buf)
	return errors.Join(err, s.fail(f.finish()))
}

// onlyReader hides other methods, so that the sink's buffer is used.
type onlyReader struct{ io.Reader }

// diskWriter tells errors of the disk from errors of the reader.
type diskWriter struct {
	sink *sink
	file *newFile
}

func (w *diskWriter) Write(b []byte) (int, error) {
	if err := w.sink.p.step("write", w.file.path); err != nil {
		return 0, w.sink.fail(err)
	}
	n, err := w.file.Write(b)
	return n, w.sink.fail(err)
}

// Link makes a symbolic link.
func (s *sink) Link(path, target string) error {
	if err := s.b.take(s.p.linkTo(target)); err != nil {
		return s.fail(err)
	}
	return s.fail(s.p.symlink(target, s.at(path)))
}

// Keep remembers a raw tree for finish.
func (s *sink) Keep(path string, raw []byte) error {
	s.kept[path] = append([]byte(nil), raw...)
	return nil
}

// finish writes what the part needs besides its files.
func (s *sink) finish(part treepack.Part) error {
	text := describe(part)
	if err := s.b.take(s.p.linkTo(text)); err != nil {
		return err
	}
	if err := s.p.symlink(text, filepath.Join(s.dir, partName)); err != nil {
		return err
	}
	if len(s.kept) > 0 {
		if err := s.keep(s.kept.Encode()); err != nil {
			return err
		}
	}
	return s.p.finishObject(s.dir, s.b)
}

func (s *sink) keep(raw []byte) error {
	if err := s.b.take(s.p.file(int64(len(raw)))); err != nil {
		return err
	}
	f, err := s.p.create(filepath.Join(s.dir, keptName), modeFile)
	if err != nil {
		return err
	}
	_, err = (&diskWriter{sink: s, file: f}).Write(raw)
	return errors.Join(err, f.finish())
}

// linkFile gives a file one more name, or fails with fs.ErrExist. When it cannot have more (ext4: 65,000), the new name gets a copy.
func (p *process) linkFile(b *budget, from, to string) error {
	err := b.spend(p.name(), func() error { return p.link(from, to) })
	if !errors.Is(err, unix.EMLINK) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return fmt.Errorf("lstat %s: %w", from, err)
	}
	return b.spend(p.cost(&st), func() error { return p.copyFile(from, to, &st) })
}

// copyFile copies under another name first: names of a view are whole files or absent.
func (p *process) copyFile(from, to string, st *unix.Stat_t) error {
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return p.symlink(target, to)
	}
	temp := p.temp()
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	f, err := p.create(temp, os.FileMode(st.Mode&0o777))
	if err != nil {
		return err
	}
	if err = p.step("write", temp); err == nil {
		_, err = io.Copy(f, src)
	}
	err = errors.Join(err, f.finish())
	if err == nil {
		err = os.Chtimes(temp, time.Unix(st.Atim.Unix()), time.Unix(st.Mtim.Unix()))
	}
	if err == nil {
		err = p.rename(temp, to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}
