package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// attribute is the extended attribute that holds a sidecar. How much fits depends on the file system: about 4 KB on
// ext4, 64 KB on xfs, 16 KB on btrfs.
const attribute = "user.holdfast"

// metaName is the file of a sidecar beside the blob.
func metaName(base string) string { return "." + base + ".meta" }

// boundMetaName is the same while the blob is being named: bound to one inode, so that several writers of one name
// cannot take each other's. "~" is in no blob's name.
func boundMetaName(base string, ino uint64) string {
	return "." + base + "~" + strconv.FormatUint(ino, 16) + ".meta"
}

// attach stores the sidecar with the draft, before that is named base.
func (d *draft) attach(base string, sidecar []byte) error {
	if !d.store.noAttribute.Load() {
		err := unix.Fsetxattr(int(d.f.Fd()), attribute, sidecar, 0)
		switch {
		case err == nil:
			d.attr = true
			return nil
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
			d.store.noAttribute.Store(true)
		case !tooLong(err):
			return fmt.Errorf("write sidecar: %w", err)
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(d.f.Fd()), &st); err != nil {
		return fmt.Errorf("write sidecar: %w", err)
	}
	d.meta = boundMetaName(base, st.Ino)
	if err := writeDurably(d.dir, d.meta, sidecar); err != nil {
		return fmt.Errorf("write sidecar: %w", err)
	}
	return nil
}

// tooLong reports whether an attribute did not fit. ext4 says "no space" then; if the disk is full indeed, writing the
// file says so again.
func tooLong(err error) bool {
	return errors.Is(err, unix.E2BIG) || errors.Is(err, unix.ERANGE) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// settleMeta gives the sidecar of a blob that was just named its lasting name, or removes what a deletion that was
// killed half-way left under it.
func (d *draft) settleMeta(base string) error {
	if d.meta == "" {
		return d.dir.remove(metaName(base))
	}
	err := d.dir.rename(d.meta, d.dir, metaName(base))
	if errors.Is(err, unix.ENOENT) { // repeated on the wire, or Sweep of another process was faster: then it is there
		_, err = d.dir.stat(metaName(base))
	}
	if err != nil {
		return fmt.Errorf("name sidecar: %w", err)
	}
	d.meta = ""
	return nil
}

// Sidecar implements [blob.Reader].
func (s *Store) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	f, err := s.open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read sidecar of %s: %w", name, err)
	}
	defer f.Close()
	data, err := s.readSidecar(f, name)
	if err != nil {
		return nil, fmt.Errorf("read sidecar of %s: %w", name, s.explain(err))
	}
	return data, nil
}

func (s *Store) readSidecar(f *file, name blob.Name) ([]byte, error) {
	buf := make([]byte, blob.MaxSidecar)
	n, err := unix.Fgetxattr(int(f.File().Fd()), attribute, buf)
	if err == nil {
		return buf[:n:n], nil
	}
	if !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) && !errors.Is(err, unix.ENOSYS) {
		return nil, err
	}
	dirName, base := path.Split(string(name))
	// Twice, because a rename from the first name to the second may come between.
	for _, meta := range []string{boundMetaName(base, f.ino), metaName(base), boundMetaName(base, f.ino), metaName(base)} {
		fd, err := s.root.open(dirName+meta, unix.O_RDONLY, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(fd), meta)
		data, err := io.ReadAll(io.LimitReader(f, blob.MaxSidecar))
		return data, errors.Join(err, f.Close())
	}
	return nil, nil
}
