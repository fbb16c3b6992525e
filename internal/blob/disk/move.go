package disk

import (
	"context"
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// Delete implements [blob.Remover].
func (s *Store) Delete(ctx context.Context, name blob.Name) error {
	if err := ready(ctx, name); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	d, err := s.root.openDir(path.Dir(string(name)))
	if absent(err) {
		return nil
	}
	if err == nil {
		err = s.deleteFrom(d, name)
		d.close()
	}
	if err != nil {
		return fmt.Errorf("delete blob %s: %w", name, s.explain(err))
	}
	return nil
}

func (s *Store) deleteFrom(d *dir, name blob.Name) error {
	defer s.journal.alone(name)()
	if done, err := s.deleteInJournal(d, name); done || err != nil {
		return err
	}
	if err := s.journal.leave(name); err != nil {
		return err
	}
	return deleteIn(d, path.Base(string(name)))
}

// deleteIn removes the blob, then its sidecar: killed between, a sidecar without a blob is left, which nobody reads
// and Sweep removes. It syncs also when nothing was there: a deletion that was killed may have removed it unsynced.
func deleteIn(d *dir, base string) error {
	st, err := d.stat(base)
	switch {
	case errors.Is(err, unix.ENOENT):
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return nil // a directory of blobs is no blob
	default:
		if err := d.remove(base); err != nil {
			return err
		}
	}
	if err := removeMeta(d, base, st.Ino); err != nil {
		return err
	}
	return d.sync()
}

// removeMeta removes the files of the sidecar of a blob that was just removed, if there are any. The blob's removal comes
// to the disk first: a blob that is back after a power cut must not be without its sidecar.
func removeMeta(d *dir, base string, ino uint64) error {
	for _, meta := range []string{boundMetaName(base, ino), metaName(base)} {
		_, err := d.stat(meta)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err == nil {
			err = d.sync()
		}
		if err == nil {
			err = d.remove(meta)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Move implements [blob.Remover].
func (s *Store) Move(ctx context.Context, from, to blob.Name) error {
	if err := ready(ctx, from, to); err != nil {
		return fmt.Errorf("move blob: %w", err)
	}
	if err := s.move(from, to); err != nil {
		return fmt.Errorf("move blob %s to %s: %w", from, to, s.explain(err))
	}
	return nil
}

func (s *Store) move(from, to blob.Name) error {
	if from == to {
		_, err := s.Stat(context.Background(), from)
		return err
	}
	m := &mover{store: s, old: path.Base(string(from)), new: path.Base(string(to))}
	var err error
	if m.src, err = s.root.openDir(path.Dir(string(from))); absent(err) {
		// Nothing can have moved from there, unless to is what a repeated Move finds.
		_, err := s.Stat(context.Background(), to)
		return err
	} else if err != nil {
		return err
	}
	defer m.src.close()
	if m.dst, err = s.needDir(path.Dir(string(to))); err != nil {
		return err
	}
	defer m.dst.close()
	defer s.journal.alone(from, to)()
	if done, err := m.moveInJournal(from, to); done || err != nil {
		return err
	}
	if err := s.journal.leave(from, to); err != nil {
		return err
	}
	return m.run()
}

// mover moves one blob.
type mover struct {
	store    *Store
	src, dst *dir
	old, new string
}

func (m *mover) run() error {
	st, err := m.src.stat(m.old)
	if absent(err) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return m.repeated()
	}
	if err != nil {
		return err
	}
	if err := m.bringMeta(st.Ino); err != nil {
		return err
	}
	if err := m.rename(st.Ino); err != nil {
		if errors.Is(err, unix.EEXIST) {
			err = errors.Join(blob.ErrExists, m.dst.remove(boundMetaName(m.new, st.Ino)))
		}
		return err
	}
	return m.settle(st.Ino)
}

// repeated is a Move whose source is not there: it was done before, or there is no such blob.
func (m *mover) repeated() error {
	st, err := m.dst.stat(m.new)
	if absent(err) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return blob.ErrNotFound
	}
	if err != nil {
		return err
	}
	return m.settle(st.Ino)
}

// bringMeta links the sidecar's file, if there is one, to the name that it has while the blob is being named.
func (m *mover) bringMeta(ino uint64) error {
	for _, meta := range []string{boundMetaName(m.old, ino), metaName(m.old)} {
		err := m.src.link(meta, m.dst, boundMetaName(m.new, ino))
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("link sidecar: %w", err)
		}
		return m.dst.sync() // on disk before the blob's new name is
	}
	return nil
}

// rename gives the blob its new name unless that is taken.
func (m *mover) rename(ino uint64) error {
	if !m.store.noExclusive.Load() {
		_, err := again(func() (int, error) {
			return 0, unix.Renameat2(m.src.fd, m.old, m.dst.fd, m.new, unix.RENAME_NOREPLACE)
		})
		if err == nil || !errors.Is(err, unix.EEXIST) && !lacks(err) {
			return err
		}
		if lacks(err) {
			m.store.noExclusive.Store(true)
		}
	}
	if err := m.src.link(m.old, m.dst, m.new); err != nil && !m.linked(ino) {
		return err
	}
	if err := m.dst.sync(); err != nil { // one of the two names must survive
		return err
	}
	return m.src.remove(m.old)
}

// linked reports whether the new name is the same file already: a Move that was killed, or a link that was repeated on the
// wire.
func (m *mover) linked(ino uint64) bool {
	st, err := m.dst.stat(m.new)
	return err == nil && st.Ino == ino
}

// settle gives the sidecar its lasting name, removes what is left under the old one, and makes all of it durable.
func (m *mover) settle(ino uint64) error {
	err := m.dst.rename(boundMetaName(m.new, ino), m.dst, metaName(m.new))
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("name sidecar: %w", err)
	}
	if err := m.dst.sync(); err != nil {
		return err
	}
	if err := removeMeta(m.src, m.old, ino); err != nil {
		return err
	}
	return m.src.sync()
}
