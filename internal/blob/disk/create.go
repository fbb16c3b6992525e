package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

const sentinelName = ".holdfast-store"

// spaces are the directories whose 256 shards exist from the start: those that the index of objects fills.
var spaces = [...]string{"blobs", "trash"}

// allShards is how many there are: one for each pair of hex digits.
const allShards = 256

// createRoot makes the directory if it is missing, with the parents that are, and makes all of them durable.
func createRoot(path string) error {
	if err := os.Mkdir(path, dirMode); errors.Is(err, fs.ErrNotExist) {
		if err := createRoot(filepath.Dir(path)); err != nil {
			return err
		}
		return createRoot(path)
	} else if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // a parent that we may pass through but not read: nothing to be done
	}
	defer parent.Close()
	if err := parent.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// prepare brings the store to the state in which blobs can be written: sentinel there, shards there and durable.
func (s *Store) prepare(create bool) error {
	id, err := s.sentinel()
	if err != nil {
		return err
	}
	s.id = id
	known := id != ""
	if !known {
		if !create {
			return s.notMounted()
		}
		if err := s.refuseForeign(); err != nil {
			return err
		}
	}
	if err := s.makeShards(); err != nil {
		if known && cannotWrite(err) {
			return nil // still good for reading; Put and Check say what is wrong
		}
		return fmt.Errorf("make directories in %s: %w", s.root.path, s.explain(err))
	}
	if !known {
		return s.writeSentinel()
	}
	return nil
}

// sentinel returns the id of the store that the root holds; "" when it holds none.
func (s *Store) sentinel() (id string, err error) {
	fd, err := s.root.open(sentinelName, unix.O_RDONLY, 0)
	if errors.Is(err, unix.ENOENT) {
		return "", nil
	}
	if err != nil {
		return "", s.explain(&fs.PathError{Op: "open", Path: filepath.Join(s.root.path, sentinelName), Err: err})
	}
	f := os.NewFile(uintptr(fd), sentinelName)
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil {
		return "", s.explain(fmt.Errorf("read sentinel: %w", err))
	}
	id, ok := blob.ParseSentinel(text)
	if !ok {
		head, _, _ := strings.Cut(string(text), "\n")
		return "", fault.New(fault.Config, "store_format", "%s holds a store of another format (%.100q)", s.root.path, head).
			WithHint("Use the version of holdfast that wrote it, or name another directory in media.root.")
	}
	return id, nil
}

func (s *Store) notMounted() error {
	return &fault.Error{
		Kind: blob.ErrUnavailable.Kind, Code: blob.ErrUnavailable.Code,
		Hint: "Mount the file system that holds the files. If there never were any, let `holdfast init` make the store.",
		Err:  fmt.Errorf("%s holds no store: the file %s is missing", s.root.path, sentinelName),
	}
}

// refuseForeign returns an error if the root holds anything that an interrupted creation does not explain.
func (s *Store) refuseForeign() error {
	entries, err := os.ReadDir(s.root.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == "lost+found" || name == spaces[0] || name == spaces[1] || strings.HasPrefix(name, tempPrefix) {
			continue
		}
		return fault.New(fault.Config, "store_foreign", "%s is not empty (%s) and holds no store", s.root.path, name).
			WithHint("Name an empty or new directory in media.root.")
	}
	return nil
}

// makeShards makes blobs/00 … trash/ff. It syncs their parents even when nothing is missing: a process that was
// killed may have made them without.
func (s *Store) makeShards() error {
	for _, space := range spaces {
		d, err := s.needDir(space)
		if err != nil {
			return err
		}
		err = makeDirs(d, s.shards)
		d.close()
		if err != nil {
			return err
		}
		for i := range s.shards {
			s.durable.Store(fmt.Sprintf("%s/%02x", space, i), struct{}{})
		}
	}
	return nil
}

func makeDirs(d *dir, n int) error {
	entries, err := d.entries()
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(entries))
	for _, e := range entries {
		there[e.Name()] = true
	}
	for i := range n {
		name := fmt.Sprintf("%02x", i)
		if there[name] { // not asking 512 times makes a difference on a network
			continue
		}
		if err := unix.Mkdirat(d.fd, name, dirMode); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	return d.sync()
}

// writeSentinel writes the file that says: this is a store, and it is complete. Of two processes one is first.
func (s *Store) writeSentinel() error {
	d, err := s.root.openDir(".")
	if err != nil {
		return err
	}
	defer d.close()
	temp := newTempName()
	defer d.remove(temp)
	if err := writeDurably(d, temp, blob.NewSentinel()); err != nil {
		return fmt.Errorf("write sentinel: %w", s.explain(err))
	}
	if err := d.link(temp, d, sentinelName); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("write sentinel: %w", s.explain(err))
	}
	s.id, err = s.sentinel() // ours, or that of a process that was faster
	return errors.Join(err, d.sync())
}

// writeDurably makes a file whose content is on disk; its name is not yet.
func writeDurably(d *dir, base string, data []byte) error {
	f, err := d.create(base, unix.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
