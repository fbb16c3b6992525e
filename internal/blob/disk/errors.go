package disk

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// explain turns errors of the file system that mean something to the contract into its errors, with a hint.
func (s *Store) explain(err error) error {
	var known *fault.Error
	var errno unix.Errno
	if errors.As(err, &known) || !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case unix.ENOENT: // of the store itself: an absent blob was told before
		return unavailable(err, "The directory of the store was removed or replaced: check media.root, then restart holdfast.")
	case unix.ENOSPC, unix.EDQUOT:
		return full(err, "Free some space or inodes below %s, raise the quota, or move the store to a larger disk.", s.root.path)
	case unix.EROFS:
		return unavailable(err, "Mount the file system of the store writable; a disk that fails is turned read-only by the kernel.")
	case unix.EACCES, unix.EPERM:
		return unavailable(err, "Give the directory of the store to the user that holdfast runs as.")
	case unix.ESTALE, unix.ENODEV, unix.ENXIO, unix.ENOTCONN, unix.ETIMEDOUT, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ECONNREFUSED:
		return unavailable(err, "Check the disk or the file server that holds the store.")
	case unix.ELOOP:
		return fmt.Errorf("a symbolic link lies inside the store: %w", err)
	case unix.ENOTDIR, unix.EISDIR:
		return &fault.Error{Kind: fault.Conflict, Code: "blob_name_taken", Err: fmt.Errorf("a blob and a directory would share a name: %w", err)}
	}
	return err
}

func full(err error, hint string, args ...any) error {
	return (&fault.Error{Kind: blob.ErrFull.Kind, Code: blob.ErrFull.Code, Err: err}).WithHint(hint, args...)
}

func unavailable(err error, hint string) error {
	return &fault.Error{Kind: blob.ErrUnavailable.Kind, Code: blob.ErrUnavailable.Code, Hint: hint, Err: err}
}

// lacks reports whether the error says that the file system, the kernel or a filter cannot do this at all.
func lacks(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL)
}
