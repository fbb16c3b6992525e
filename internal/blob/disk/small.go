package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// putSmall writes a blob through the journal.
func (s *Store) putSmall(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	p := &smallPut{store: s, name: name, base: path.Base(string(name))}
	if err := p.begin(ctx, opts); err != nil {
		return blob.Info{}, err
	}
	defer p.end()
	buf, giveBack := smallBuffer(opts.Size)
	defer giveBack()
	if err := p.read(ctx, body, opts, buf); err != nil {
		return blob.Info{}, err
	}
	err := p.publish()
	if errors.Is(err, errAside) {
		return p.plain(ctx)
	}
	if err != nil {
		return blob.Info{}, s.explain(err)
	}
	return blob.Info{Name: name, Size: int64(len(p.data)), ModTime: p.modTime}, nil
}

// smallBuffer returns room for a body and one byte more, which shows that a body is too long.
func smallBuffer(size int64) (buf []byte, giveBack func()) {
	if size < stride/8 {
		small := smallBuffers.Get().(*[stride / 8]byte)
		return small[:size+1], func() { smallBuffers.Put(small) }
	}
	large := largeBuffers.Get().(*[stride]byte)
	return large[:size+1], func() { largeBuffers.Put(large) }
}

// smallPut is one Put through the journal.
type smallPut struct {
	store   *Store
	name    blob.Name
	base    string
	dir     *dir
	claim   *claim
	data    []byte
	sidecar []byte // nil for none
	modTime time.Time
}

// begin refuses what can be refused before the body is read.
func (p *smallPut) begin(ctx context.Context, opts blob.PutOptions) (err error) {
	s := p.store
	if err := ready(ctx, p.name); err != nil {
		return err
	}
	if err := s.sameRoot(); err != nil {
		return err
	}
	if p.dir, err = s.needDir(path.Dir(string(p.name))); err != nil {
		return s.explain(err)
	}
	if _, err = p.dir.stat(p.base); err == nil {
		err = blob.ErrExists
	} else if p.claim, err = s.room.claim(opts.Size); err == nil {
		return nil
	}
	p.dir.close()
	return s.explain(err)
}

func (p *smallPut) end() {
	p.claim.release()
	p.dir.close()
}

// read reads body and sidecar. Their errors come back as they are.
func (p *smallPut) read(ctx context.Context, body io.Reader, opts blob.PutOptions, buf []byte) error {
	n, err := readFull(body, buf)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if int64(n) != opts.Size {
		return blob.SizeError(opts.Size, int64(n))
	}
	p.data = buf[:n]
	if opts.Sidecar != nil {
		if p.sidecar, err = opts.Sidecar(); err != nil {
			return fmt.Errorf("sidecar: %w", err)
		}
		if len(p.sidecar) > blob.MaxSidecar {
			return blob.SidecarError(len(p.sidecar))
		}
		if p.sidecar == nil {
			p.sidecar = []byte{}
		}
	}
	return ctx.Err()
}

// publish writes the file, the record, and names the file. The file comes first, because there the disk may be full; the
// name comes last, because a file that has one and is not safe could be mistaken after a power cut.
func (p *smallPut) publish() error {
	j := p.store.journal
	if p.sidecar == nil {
		// Without an attribute the sidecar of an older blob, left by a deletion that was killed, would be taken for ours.
		if _, err := p.dir.stat(metaName(p.base)); !errors.Is(err, unix.ENOENT) {
			return errAside
		}
	}
	t := j.newTemp()
	defer t.end()
	err := p.write(t)
	if err == nil {
		err = p.commit(t)
	}
	if err != nil {
		return errors.Join(err, t.remove())
	}
	return nil
}

func (p *smallPut) write(t temp) (err error) {
	if p.store.noAttribute.Load() {
		return errAside
	}
	p.modTime, err = t.write(p.data, p.sidecar)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		p.store.noAttribute.Store(true)
		return errAside
	}
	if err != nil && tooLong(err) {
		return errAside // a sidecar that needs a file of its own, or a full disk, which then shows again
	}
	p.claim.wrote(int64(len(p.data)))
	return err
}

func (p *smallPut) commit(t temp) error {
	j := p.store.journal
	defer j.alone(p.name)()
	if _, err := p.dir.stat(p.base); err == nil {
		return blob.ErrExists
	}
	g, err := j.commit(record{
		kind: recordPut, name: p.name, sidecar: p.sidecar, mtime: p.modTime.UnixNano(), data: p.data,
	})
	if err != nil {
		return err
	}
	defer j.applied(g)
	err = renameNew(t.dir.dir, t.base, p.dir, p.base)
	if err == nil {
		return nil
	}
	undone := j.undo(errors.Is(err, blob.ErrExists), p.name)
	if undone == nil && errors.Is(err, unix.EXDEV) {
		return errAside // somebody mounted a file system inside the store
	}
	return errors.Join(err, undone)
}

// renameNew gives a file a name that nobody has.
func renameNew(from *dir, old string, to *dir, name string) error {
	_, err := again(func() (int, error) {
		return 0, unix.Renameat2(from.fd, old, to.fd, name, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EEXIST) {
		return blob.ErrExists
	}
	if err != nil {
		return fmt.Errorf("name file: %w", err)
	}
	return nil
}

// undo takes back the record of a blob that could not be named. If not even that can be written, the record stays until the
// journal is settled, and a crash before then makes the blob whole: not acknowledged, and not half.
func (j *journal) undo(taken bool, name blob.Name) error {
	kind := recordDelete
	if taken { // by somebody who knows no journal: what is there now is left alone
		kind = recordCancel
	}
	g, err := j.commit(record{kind: kind, name: name})
	if errors.Is(err, errAside) {
		return nil
	}
	if err == nil {
		j.applied(g)
	}
	return err
}

// plain writes the blob without the journal.
func (p *smallPut) plain(ctx context.Context) (blob.Info, error) {
	p.claim.release()
	opts := blob.PutOptions{Size: int64(len(p.data))}
	if p.sidecar != nil {
		opts.Sidecar = func() ([]byte, error) { return p.sidecar, nil }
	}
	return p.store.write(ctx, p.name, opts, func(w *writer) error {
		if err := w.add(p.data); err != nil {
			return p.store.explain(err)
		}
		return nil
	})
}

// moveInJournal moves a blob that only the journal makes safe so far. It reports whether it could.
func (m *mover) moveInJournal(from, to blob.Name) (bool, error) {
	j := m.store.journal
	if !j.holds(from) {
		return false, nil
	}
	st, err := m.src.stat(m.old)
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, nil //nolint:nilerr // the plain way says what it is
	}
	if _, err := m.dst.stat(m.new); err == nil {
		return true, blob.ErrExists
	}
	if _, err := m.dst.stat(metaName(m.new)); !errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	g, err := j.commit(record{kind: recordMove, name: from, to: to})
	if errors.Is(err, errAside) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer j.applied(g)
	if err := renameNew(m.src, m.old, m.dst, m.new); err != nil {
		return true, errors.Join(err, j.moveBack(from, to, errors.Is(err, blob.ErrExists)))
	}
	return true, nil
}

// moveBack takes back the record of a move that could not be made.
func (j *journal) moveBack(from, to blob.Name, taken bool) error {
	g, err := j.commit(record{kind: recordMove, name: to, to: from})
	if errors.Is(err, errAside) {
		return nil
	}
	if err != nil {
		return err
	}
	defer j.applied(g)
	if !taken {
		return nil
	}
	return j.undo(true, to)
}

// deleteInJournal deletes a blob that only the journal makes safe so far. It reports whether it could.
func (s *Store) deleteInJournal(d *dir, name blob.Name) (bool, error) {
	j := s.journal
	if !j.holds(name) {
		return false, nil
	}
	g, err := j.commit(record{kind: recordDelete, name: name})
	if errors.Is(err, errAside) {
		return false, nil
	}
	if err != nil {
		return true, err
	}
	defer j.applied(g)
	return true, d.remove(path.Base(string(name)))
}
