package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Modes of what the store makes: nobody but its owner gets in (S0-35).
const (
	dirMode  = 0o700
	fileMode = 0o600
)

// root opens files below one directory and nowhere else.
type root struct {
	path   string
	fd     int    // the directory, open as long as the store
	dev    uint64 // what it is
	ino    uint64
	walked bool // the kernel has no openat2: walk component by component
}

func openRoot(path string) (*root, error) {
	fd, err := again(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	r := &root{path: path, fd: fd, dev: st.Dev, ino: st.Ino}
	// Linux before 5.6 and some container filters do not know openat2.
	probe, err := r.open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		r.walked = true
	} else if err == nil {
		unix.Close(probe)
	}
	return r, nil
}

func (r *root) close() error { return unix.Close(r.fd) }

// open opens the path below the root and returns the descriptor.
func (r *root) open(rel string, flags int, mode uint32) (int, error) {
	if r.walked {
		return r.walk(rel, flags, mode)
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC | unix.O_NOFOLLOW),
		Mode:    uint64(mode),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	return again(func() (int, error) { return unix.Openat2(r.fd, rel, &how) })
}

// walk does what openat2 does: each directory on the way is opened by itself and must not be a symbolic link.
func (r *root) walk(rel string, flags int, mode uint32) (int, error) {
	at := r.fd
	dir, base := path.Split(rel)
	for seg := range strings.SplitSeq(strings.TrimSuffix(dir, "/"), "/") {
		if seg == "" {
			continue
		}
		next, err := openat(at, seg, unix.O_PATH|unix.O_DIRECTORY, 0)
		if at != r.fd {
			unix.Close(at)
		}
		if err != nil {
			return -1, err
		}
		at = next
	}
	fd, err := openat(at, base, flags, mode)
	if at != r.fd {
		unix.Close(at)
	}
	return fd, err
}

// dir is an open directory of the store.
type dir struct {
	fd  int
	rel string
}

func (r *root) openDir(rel string) (*dir, error) {
	fd, err := r.open(rel, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &dir{fd: fd, rel: rel}, nil
}

func (d *dir) close() { unix.Close(d.fd) }

// open opens a file in the directory, never through a symbolic link.
func (d *dir) open(base string, flags int, mode uint32) (int, error) {
	return openat(d.fd, base, flags, mode)
}

// create makes a file that must not exist.
func (d *dir) create(base string, extra int) (*os.File, error) {
	fd, err := d.open(base, unix.O_RDWR|unix.O_CREAT|extra, fileMode)
	if err != nil {
		return nil, &fs.PathError{Op: "create", Path: path.Join(d.rel, base), Err: err}
	}
	return os.NewFile(uintptr(fd), path.Join(d.rel, base)), nil
}

func (d *dir) stat(base string) (unix.Stat_t, error) {
	var st unix.Stat_t
	_, err := again(func() (int, error) {
		return 0, unix.Fstatat(d.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	})
	return st, err
}

// remove removes a file; one that is not there is as good.
func (d *dir) remove(base string) error {
	_, err := again(func() (int, error) { return 0, unix.Unlinkat(d.fd, base, 0) })
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// rename gives a file another name in another directory or the same, replacing what is there.
func (d *dir) rename(base string, to *dir, toBase string) error {
	_, err := again(func() (int, error) { return 0, unix.Renameat(d.fd, base, to.fd, toBase) })
	return err
}

func (d *dir) link(base string, to *dir, toBase string) error {
	_, err := again(func() (int, error) { return 0, unix.Linkat(d.fd, base, to.fd, toBase, 0) })
	return err
}

// entries returns what the directory holds, in no order.
func (d *dir) entries() ([]os.DirEntry, error) {
	fd, err := d.open(".", unix.O_RDONLY|unix.O_DIRECTORY, 0) // with an offset of its own
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), d.rel)
	defer f.Close()
	return f.ReadDir(-1)
}

// sync makes the names in the directory durable. A file system that cannot sync directories (some network ones) says
// EINVAL and has nothing to sync: there each change is answered by the server when it is done.
func (d *dir) sync() error {
	_, err := again(func() (int, error) { return 0, unix.Fsync(d.fd) })
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return &fs.PathError{Op: "sync directory", Path: d.rel, Err: err}
	}
	return nil
}

func openat(at int, base string, flags int, mode uint32) (int, error) {
	return again(func() (int, error) {
		return unix.Openat(at, base, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, mode)
	})
}

// again repeats a system call that a signal interrupted: network file systems do that.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
