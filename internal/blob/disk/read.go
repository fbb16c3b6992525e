package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// file is an open blob.
type file struct {
	f     *os.File
	info  blob.Info
	ino   uint64
	store *Store
}

var _ blob.Filer = (*file)(nil)

// Open implements [blob.Reader].
func (s *Store) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	f, err := s.open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", name, err)
	}
	return f, nil
}

func (s *Store) open(ctx context.Context, name blob.Name) (*file, error) {
	if err := ready(ctx, name); err != nil {
		return nil, err
	}
	fd, err := s.openFile(name)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), string(name))
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Close()
		return nil, s.explain(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG { // a directory of blobs
		f.Close()
		return nil, blob.ErrNotFound
	}
	return &file{f: f, info: infoOf(name, &st), ino: st.Ino, store: s}, nil
}

func (s *Store) openFile(name blob.Name) (int, error) {
	fd, err := s.root.open(string(name), unix.O_RDONLY, 0)
	if s.network && absent(err) {
		// An NFS client may remember that the name was absent. Opening the directory makes it ask the server.
		if d, derr := s.root.openDir(path.Dir(string(name))); derr == nil {
			d.close()
			fd, err = s.root.open(string(name), unix.O_RDONLY, 0)
		}
	}
	if absent(err) {
		return -1, blob.ErrNotFound
	}
	if err != nil {
		return -1, s.explain(err)
	}
	return fd, nil
}

// absent reports whether an error of opening means that there is no such blob. ENOTDIR: a blob stands where the name
// has a directory.
func absent(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

// Stat implements [blob.Reader].
func (s *Store) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	f, err := s.open(ctx, name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat blob %s: %w", name, err)
	}
	return f.info, f.Close()
}

func infoOf(name blob.Name, st *unix.Stat_t) blob.Info {
	return blob.Info{Name: name, Size: st.Size, ModTime: time.Unix(st.Mtim.Unix())}
}

// Info implements [blob.Blob].
func (f *file) Info() blob.Info { return f.info }

// File implements [blob.Filer].
func (f *file) File() *os.File { return f.f }

// Read implements io.Reader. A handle gone stale (the file server restarted, or another machine replaced the
// directory) is opened again, once per failure and only while the name still leads to the same file.
func (f *file) Read(p []byte) (int, error) {
	n, err := f.f.Read(p)
	if err == nil || errors.Is(err, io.EOF) || !errors.Is(err, unix.ESTALE) {
		return n, err
	}
	if f.reopen() != nil {
		return n, fmt.Errorf("read blob %s: %w", f.info.Name, f.store.explain(err))
	}
	return f.f.Read(p)
}

func (f *file) reopen() error {
	at, err := f.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	again, err := f.store.open(context.Background(), f.info.Name)
	if err != nil {
		return err
	}
	if again.ino != f.ino || again.info != f.info {
		return errors.Join(blob.ErrNotFound, again.Close())
	}
	if _, err := again.f.Seek(at, io.SeekStart); err != nil {
		return errors.Join(err, again.Close())
	}
	_ = f.f.Close() // stale: there is nothing to lose
	f.f = again.f
	return nil
}

// Seek implements io.Seeker.
func (f *file) Seek(offset int64, whence int) (int64, error) { return f.f.Seek(offset, whence) }

// Close implements io.Closer.
func (f *file) Close() error { return f.f.Close() }

// Link implements [blob.Linker].
func (s *Store) Link(ctx context.Context, name blob.Name, to string) error {
	if err := ready(ctx, name); err != nil {
		return fmt.Errorf("link blob: %w", err)
	}
	d, err := s.root.openDir(path.Dir(string(name)))
	if absent(err) {
		return fmt.Errorf("link blob %s: %w", name, blob.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("link blob %s: %w", name, s.explain(err))
	}
	defer d.close()
	st, err := d.stat(path.Base(string(name)))
	if absent(err) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("link blob %s: %w", name, blob.ErrNotFound)
	}
	if s.journal.knows(name) { // the link is not in the journal
		if err := s.syncBlob(name); err != nil {
			return fmt.Errorf("link blob %s: %w", name, err)
		}
	}
	_, err = again(func() (int, error) {
		return 0, unix.Linkat(d.fd, path.Base(string(name)), unix.AT_FDCWD, to, 0)
	})
	if err != nil {
		return fmt.Errorf("link blob %s: %w", name, &os.LinkError{Op: "link", Old: string(name), New: to, Err: err})
	}
	return nil
}
