package disk

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// copyStride is how much is copied inside the kernel at once, in bytes: between two pieces the context is asked.
const copyStride = 16 << 20

// Compose implements [blob.Composer]. The kernel copies; file systems that can share extents (xfs, btrfs) copy nothing.
func (s *Store) Compose(ctx context.Context, name blob.Name, parts []blob.Name, opts blob.PutOptions) (blob.Info, error) {
	info, err := s.write(ctx, name, opts, func(w *writer) error {
		for _, part := range parts {
			if err := w.appendPart(ctx, part); err != nil {
				return fmt.Errorf("part %s: %w", part, err)
			}
		}
		return nil
	})
	if err != nil {
		return blob.Info{}, fmt.Errorf("compose blob %s: %w", name, err)
	}
	return info, nil
}

func (w *writer) appendPart(ctx context.Context, part blob.Name) error {
	f, err := w.store.open(ctx, part)
	if err != nil {
		return err
	}
	defer f.Close()
	if w.want >= 0 && w.size+f.info.Size > w.want {
		return blob.SizeError(w.want, w.size+f.info.Size)
	}
	left := f.info.Size
	// Some NFS servers hang on copies made by themselves; and where the kernel cannot, we read and write.
	for left > 0 && !w.store.network {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.copyPiece(f, min(left, copyStride))
		if lacks(err) || errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EBADF) || n == 0 && err == nil {
			break
		}
		if err != nil {
			return w.store.explain(err)
		}
		left -= int64(n)
	}
	return w.fill(ctx, f)
}

// copyPiece copies up to n bytes at the offsets of both files.
func (w *writer) copyPiece(f *file, n int64) (int, error) {
	if w.want < 0 {
		if err := w.extend(n); err != nil {
			return 0, err
		}
	}
	m, err := again(func() (int, error) {
		return unix.CopyFileRange(int(f.f.Fd()), nil, int(w.f.Fd()), nil, int(n), 0)
	})
	if m > 0 {
		w.wrote(int64(m))
	}
	return max(m, 0), err
}
