package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/treepack"
)

// keptIndexes is how many indexes of a source stay on this disk.
const keptIndexes = 4

// indexDisk keeps indexes on this disk, so that a process starts and goes on without the store. They are signed: what was
// damaged is not believed and fetched again, so nothing is synced to the disk.
//
//	<dir>/<source>/<commit>.index   the bytes from the store
//	<dir>/<source>/<commit>.json    which publication that is
//	<dir>/<source>/ready            the same of the one that was current last
type indexDisk struct{ dir string }

// diskNote is a publication in a file.
type diskNote struct {
	Seq    int64       `json:"seq"`
	Commit treepack.ID `json:"commit"`
	Index  blob.Name   `json:"index"`
	Sum    []byte      `json:"sha256"`
	At     time.Time   `json:"published"`
}

func (n diskNote) publication(source string) (p Publication, ok bool) {
	p = Publication{Source: source, Seq: n.Seq, Commit: n.Commit, Index: n.Index, Published: n.At}
	return p, n.Seq > 0 && !n.Commit.IsZero() && n.Index.Valid() == nil && copy(p.IndexSum[:], n.Sum) == len(p.IndexSum)
}

func noteOf(p Publication) diskNote {
	return diskNote{p.Seq, p.Commit, p.Index, p.IndexSum[:], p.Published}
}

func (d indexDisk) path(source, name string) string { return filepath.Join(d.dir, source, name) }

// open makes the directory, which the cache's readers need not see. Those of the sources are made when they are needed.
func (d indexDisk) open() error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of indexes: %w", err)
	}
	return nil
}

// last returns the publication that was current last.
func (d indexDisk) last(source string) (Publication, bool) { return d.note(source, "ready") }

// find returns a publication whose index is here.
func (d indexDisk) find(source string, commit treepack.ID) (Publication, bool) {
	return d.note(source, commit.String()+".json")
}

func (d indexDisk) note(source, name string) (Publication, bool) {
	data, err := os.ReadFile(d.path(source, name))
	if err != nil {
		return Publication{}, false
	}
	var n diskNote
	if json.Unmarshal(data, &n) != nil {
		return Publication{}, false
	}
	return n.publication(source)
}

// remember notes what is current.
func (d indexDisk) remember(p Publication) error { return d.write(p.Source, "ready", noteOf(p)) }

// read returns the bytes of an index.
func (d indexDisk) read(p Publication) ([]byte, error) {
	return os.ReadFile(d.path(p.Source, p.Commit.String()+".index"))
}

// save keeps the bytes of an index, and lets go of old ones.
func (d indexDisk) save(p Publication, data []byte) error {
	name := p.Commit.String()
	if err := d.replace(p.Source, name+".index", data); err != nil {
		return err
	}
	if err := d.write(p.Source, name+".json", noteOf(p)); err != nil {
		return err
	}
	return d.prune(p.Source)
}

// forget removes an index that turned out to be damaged.
func (d indexDisk) forget(p Publication) {
	_ = os.Remove(d.path(p.Source, p.Commit.String()+".index")) // what stays is found damaged again
}

func (d indexDisk) write(source, name string, n diskNote) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return d.replace(source, name, data)
}

// replace writes a file whole or not at all, as far as a reader of this boot can tell.
func (d indexDisk) replace(source, name string, data []byte) error {
	dir := filepath.Join(d.dir, source)
	f, err := os.CreateTemp(dir, ".new-")
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			f, err = os.CreateTemp(dir, ".new-")
		}
	}
	if err != nil {
		return fmt.Errorf("keep index: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), d.path(source, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep index: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// prune removes all but the newest indexes of a source, and what a killed process left half written.
func (d indexDisk) prune(source string) error {
	entries, err := os.ReadDir(filepath.Join(d.dir, source))
	if err != nil {
		return fmt.Errorf("look for old indexes: %w", err)
	}
	type file struct {
		base string
		at   time.Time
	}
	var all []file
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // gone already
		}
		switch ext := filepath.Ext(e.Name()); {
		case ext == ".json":
			all = append(all, file{e.Name()[:len(e.Name())-len(ext)], info.ModTime()})
		case len(e.Name()) > 5 && e.Name()[:5] == ".new-" && time.Since(info.ModTime()) > time.Hour:
			_ = os.Remove(d.path(source, e.Name()))
		}
	}
	slices.SortFunc(all, func(a, b file) int { return b.at.Compare(a.at) })
	for _, f := range all[min(keptIndexes, len(all)):] {
		_ = os.Remove(d.path(source, f.base+".json")) // the note first: without it nobody asks for the other
		_ = os.Remove(d.path(source, f.base+".index"))
	}
	return nil
}
