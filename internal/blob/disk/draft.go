package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

const tempPrefix = ".tmp-"

func newTempName() string { return tempPrefix + rand.Text() }

// draft is a blob that has no name yet.
type draft struct {
	store *Store
	dir   *dir
	f     *os.File // nil once closed
	temp  string   // its temporary name; empty for an unnamed file
	meta  string   // the file of the sidecar, if it is one of its own
	attr  bool     // the sidecar is an attribute, which only a whole sync brings to the disk
}

// newDraft makes an empty file in the directory.
func (s *Store) newDraft(d *dir) (*draft, error) {
	s.probe.Do(func() { s.noUnnamed.Store(!syncsUnnamed(s.kind) || !canLinkUnnamed(d)) })
	if !s.noUnnamed.Load() {
		f, err := openUnnamed(d)
		if err != nil {
			return nil, err
		}
		return &draft{store: s, dir: d, f: f}, nil
	}
	temp := newTempName()
	f, err := d.create(temp, unix.O_EXCL)
	if err != nil {
		return nil, err
	}
	return &draft{store: s, dir: d, f: f, temp: temp}, nil
}

func openUnnamed(d *dir) (*os.File, error) {
	fd, err := openat(d.fd, ".", unix.O_RDWR|unix.O_TMPFILE, fileMode)
	if err != nil {
		return nil, &fs.PathError{Op: "create unnamed file in", Path: d.rel, Err: err}
	}
	return os.NewFile(uintptr(fd), d.rel+"/(unnamed)"), nil
}

// linkUnnamed names an unnamed file. It goes through /proc because AT_EMPTY_PATH takes a capability on most kernels.
func linkUnnamed(f *os.File, d *dir, base string) error {
	proc := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	_, err := again(func() (int, error) {
		return 0, unix.Linkat(unix.AT_FDCWD, proc, d.fd, base, unix.AT_SYMLINK_FOLLOW)
	})
	return err
}

// syncsUnnamed reports whether syncing a file without a name saves it, so that it can be named afterwards. btrfs and zfs
// skip the log for files that no name leads to. There, once another writer syncs the directory, a power cut finds the
// name with nothing behind it; a second sync after the naming comes too late. ext4 and xfs log such a file like any other. Of
// file systems that we do not know we think the worst. On tmpfs nothing survives anyway.
func syncsUnnamed(kind string) bool {
	return kind == "ext4" || kind == "xfs" || kind == "tmpfs"
}

// canLinkUnnamed tries the whole way once: some file systems make unnamed files but cannot link them, and /proc may be
// missing in a jail.
func canLinkUnnamed(d *dir) bool {
	f, err := openUnnamed(d)
	if err != nil {
		return false
	}
	defer f.Close()
	temp := newTempName()
	return linkUnnamed(f, d, temp) == nil && d.remove(temp) == nil
}

// publish makes the draft durable and names it. After an error nothing is named.
func (d *draft) publish(base string) error {
	if err := d.sync(); err != nil {
		return err
	}
	if d.meta != "" {
		// The sidecar's name must not come to the disk after the blob's.
		if err := d.dir.sync(); err != nil {
			return err
		}
	}
	if err := d.link(base); err != nil {
		return err
	}
	err := d.settle(base)
	if err != nil {
		// Named, but nobody knows whether the disk has it: an unacknowledged blob is dropped.
		err = errors.Join(err, d.dir.remove(base), d.dir.remove(metaName(base)), d.dir.sync())
	}
	return err
}

// sync brings the content to the disk.
func (d *draft) sync() error {
	call := unix.Fdatasync
	if d.attr || d.temp != "" {
		call = unix.Fsync
	}
	if _, err := again(func() (int, error) { return 0, call(int(d.f.Fd())) }); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if d.temp != "" { // an unnamed file must stay open until it is linked
		return d.close() // NFS tells of a full disk or quota here
	}
	return nil
}

// link is the moment at which the blob exists.
func (d *draft) link(base string) error {
	var err error
	if d.temp == "" {
		err = linkUnnamed(d.f, d.dir, base)
	} else if err = d.dir.link(d.temp, d.dir, base); err != nil && d.linked(base) {
		err = nil
	}
	if errors.Is(err, unix.EEXIST) {
		return blob.ErrExists
	}
	if err != nil {
		return fmt.Errorf("link: %w", err)
	}
	return nil
}

// linked reports whether the link was made although the call said otherwise: NFS repeats a request whose answer was
// lost, and the second time the name is taken, by us. Nobody else knows the temporary name, so a second link of it is ours.
func (d *draft) linked(base string) bool {
	ours, err := d.dir.stat(d.temp)
	if err != nil {
		return false
	}
	named, err := d.dir.stat(base)
	return err == nil && (ours.Nlink > 1 || ours.Ino == named.Ino)
}

// settle makes the name durable.
func (d *draft) settle(base string) error {
	if d.temp != "" {
		if err := d.dir.remove(d.temp); err != nil {
			return fmt.Errorf("remove temporary name: %w", err)
		}
		d.temp = ""
	}
	if err := d.settleMeta(base); err != nil {
		return err
	}
	return d.dir.sync()
}

func (d *draft) close() error {
	f := d.f
	d.f = nil
	return f.Close()
}

// discard drops what was not published. It is called in any case; errors leave a temporary file to be swept.
func (d *draft) discard() {
	if d.f != nil {
		_ = d.close()
	}
	if d.temp != "" {
		_ = d.dir.remove(d.temp)
	}
	if d.meta != "" {
		_ = d.dir.remove(d.meta)
	}
}
