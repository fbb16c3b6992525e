package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// stride is how much of a body is read and written at once, in bytes.
const stride = 256 << 10

// ahead is after how many bytes the kernel is told to begin with writing them to the disk, while more are received: else all of
// a large file would have to be waited for at its end.
const ahead = 8 << 20

// The buffers of bodies: most files of most applications fit into a small one.
var (
	largeBuffers = sync.Pool{New: func() any { return new([stride]byte) }}
	smallBuffers = sync.Pool{New: func() any { return new([stride / 8]byte) }}
)

// Put implements [blob.Writer].
func (s *Store) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	var info blob.Info
	var err error
	if s.journal.takes(opts.Size) {
		info, err = s.putSmall(ctx, name, body, opts)
	} else {
		info, err = s.write(ctx, name, opts, func(w *writer) error { return w.fill(ctx, body) })
	}
	if err != nil {
		return blob.Info{}, fmt.Errorf("put blob %s: %w", name, err)
	}
	return info, nil
}

// write makes a blob whose content fill writes.
func (s *Store) write(ctx context.Context, name blob.Name, opts blob.PutOptions, fill func(*writer) error) (blob.Info, error) {
	if err := ready(ctx, name); err != nil {
		return blob.Info{}, err
	}
	// What is mounted over the root, or was put in its place, hides from the next start whatever is written now.
	if err := s.sameRoot(); err != nil {
		return blob.Info{}, err
	}
	d, err := s.needDir(path.Dir(string(name)))
	if err != nil {
		return blob.Info{}, s.explain(err)
	}
	defer d.close()
	base := path.Base(string(name))
	if _, err := d.stat(base); err == nil {
		return blob.Info{}, blob.ErrExists
	}
	w, err := s.newWriter(d, opts.Size)
	if err != nil {
		return blob.Info{}, s.explain(err)
	}
	defer w.close()
	if err := fill(w); err != nil {
		return blob.Info{}, err
	}
	w.name = name
	if err := w.finish(ctx, base, opts); err != nil {
		return blob.Info{}, s.explain(err)
	}
	return blob.Info{Name: name, Size: w.size, ModTime: w.modTime}, nil
}

// writer fills a draft.
type writer struct {
	*draft
	name    blob.Name
	claim   *claim
	want    int64 // announced length, or -1
	size    int64 // bytes written
	begun   int64 // of which so many are on their way to the disk
	modTime time.Time
}

// newWriter makes a draft and room for it.
func (s *Store) newWriter(d *dir, size int64) (*writer, error) {
	claim, err := s.room.claim(max(size, 0))
	if err != nil {
		return nil, err
	}
	draft, err := s.newDraft(d)
	if err != nil {
		claim.release()
		return nil, err
	}
	w := &writer{draft: draft, claim: claim, want: size}
	if err := w.allocate(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// allocate takes the announced bytes from the disk now, so that a full disk shows before the body is read.
func (w *writer) allocate() error {
	if w.want <= 0 || w.store.noAllocate.Load() {
		return nil
	}
	_, err := again(func() (int, error) { return 0, unix.Fallocate(int(w.f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, w.want) })
	switch {
	case err == nil:
		w.claim.release()
	case lacks(err):
		w.store.noAllocate.Store(true)
	default:
		return fmt.Errorf("allocate %d bytes: %w", w.want, err)
	}
	return nil
}

// close drops the draft unless it was published, and gives back its room.
func (w *writer) close() {
	w.discard()
	w.claim.release()
}

// fill writes the body. Errors of the body come back as they are.
func (w *writer) fill(ctx context.Context, body io.Reader) error {
	var buf []byte
	if w.want >= 0 && w.want < stride/8 {
		small := smallBuffers.Get().(*[stride / 8]byte)
		defer smallBuffers.Put(small)
		buf = small[:]
	} else {
		large := largeBuffers.Get().(*[stride]byte)
		defer largeBuffers.Put(large)
		buf = large[:]
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, end := readFull(body, buf)
		if end != nil && !errors.Is(end, io.EOF) {
			return end
		}
		if err := w.add(buf[:n]); err != nil {
			return w.store.explain(err)
		}
		if end != nil {
			return nil
		}
	}
}

// readFull reads until buf is full or the body says no. Unlike io.ReadFull it returns the body's own error.
func readFull(body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = body.Read(buf[n:])
		n += m
	}
	return n, err
}

// add writes the next bytes.
func (w *writer) add(p []byte) error {
	if w.want >= 0 && w.size+int64(len(p)) > w.want {
		return blob.SizeError(w.want, w.size+int64(len(p)))
	}
	if w.want < 0 && len(p) > 0 {
		if err := w.extend(int64(len(p))); err != nil {
			return err
		}
	}
	if len(p) > 0 {
		if _, err := w.f.Write(p); err != nil {
			return err
		}
	}
	w.wrote(int64(len(p)))
	w.begin()
	return nil
}

// begin lets the disk begin. It waits for room in the disk's queue at most, and what fails is told by the sync at the end.
func (w *writer) begin() {
	if w.size-w.begun < ahead {
		return
	}
	_ = unix.SyncFileRange(int(w.f.Fd()), w.begun, w.size-w.begun, unix.SYNC_FILE_RANGE_WRITE)
	w.begun = w.size
}

// extend claims room for bytes that were not announced.
func (w *writer) extend(n int64) error {
	more, err := w.store.room.claim(n)
	if err != nil {
		return err
	}
	w.claim.left += more.left
	return nil
}

// wrote counts bytes that are in the file.
func (w *writer) wrote(n int64) {
	w.claim.wrote(n)
	w.size += n
}

// finish checks the length, attaches the sidecar and publishes.
func (w *writer) finish(ctx context.Context, base string, opts blob.PutOptions) error {
	if w.want >= 0 && w.size != w.want {
		return blob.SizeError(w.want, w.size)
	}
	if opts.Sidecar != nil {
		sidecar, err := opts.Sidecar()
		if err != nil {
			return fmt.Errorf("sidecar: %w", err)
		}
		if len(sidecar) > blob.MaxSidecar {
			return blob.SidecarError(len(sidecar))
		}
		if err := w.attach(base, sidecar); err != nil {
			return err
		}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(w.f.Fd()), &st); err != nil {
		return err
	}
	w.modTime = time.Unix(st.Mtim.Unix())
	if err := ctx.Err(); err != nil {
		return err
	}
	defer w.store.journal.alone(w.name)()
	if err := w.store.journal.leave(w.name); err != nil {
		return err
	}
	return w.publish(base)
}

// ready returns an error if a name breaks the grammar or the context is over.
func ready(ctx context.Context, names ...blob.Name) error {
	for _, name := range names {
		if err := name.Valid(); err != nil {
			return err
		}
	}
	return ctx.Err()
}
