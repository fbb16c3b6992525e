package treepack

import (
	"context"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// VerifyDir proves that a directory is the part that was unpacked into it: everything is read and hashed again. dir is
// the file itself for a BigBlob. kept holds what Sink.Keep was given; it is not trusted. Files must not be writable
// (0444, 0555 or less), and executable or not as their tree says; the mode of a BigBlob's file is its piece's affair.
// What differs is ErrCorrupt; errors of the file system are returned wrapped.
//
// It proves ids, sizes and counts, not the SHA-256: it finds what a crash or a disk has done, while packs have been
// proven against both before they became directories.
func VerifyDir(ctx context.Context, dir string, want Part, kept Kept) error {
	v := &verifier{kept: kept, part: want.ID, object: want.ID.ID.format.New(), buf: make([]byte, 64<<10)}
	v.plain = int64(headSize + tagSize)
	got, err := v.root(ctx, dir)
	switch {
	case err != nil:
		return err
	case got != want.ID.ID:
		return corrupt("%s: its content has the id %s; want %s", dir, got, want.ID.ID)
	case v.files != want.Files || v.plain != want.Plain:
		return corrupt("%s: %d files and %d bytes; want %d and %d", dir, v.files, v.plain, want.Files, want.Plain)
	}
	return nil
}

type verifier struct {
	kept   Kept
	part   PartID
	object hash.Hash
	buf    []byte
	plain  int64 // bytes of the plain stream, as far as it has been met
	files  int32
}

func (v *verifier) root(ctx context.Context, dir string) (ID, error) {
	if v.part.Kind != BigBlob {
		return v.tree(ctx, dir, "", 0)
	}
	id, _, err := v.file(ctx, dir)
	return id, err
}

// tree returns the id of a directory: of the raw tree that was kept for it, if that fits, else of the one that git
// would make.
func (v *verifier) tree(ctx context.Context, dir, path string, depth int) (ID, error) {
	if err := checkPath(path, depth); err != nil {
		return ID{}, at(path, err)
	}
	entries, err := v.scan(ctx, dir, path, depth)
	if err != nil {
		return ID{}, err
	}
	raw, ok := v.kept[path]
	if !ok {
		raw = AppendTree(nil, entries)
	} else if err := v.compare(raw, entries); err != nil {
		return ID{}, at(path, err)
	}
	v.plain += objectTag + int64(len(raw))
	return HashObject(v.part.ID.format, "tree", raw), nil
}

// scan hashes what lies in a directory.
func (v *verifier) scan(ctx context.Context, dir, path string, depth int) ([]Entry, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, at(path, err)
	}
	entries := make([]Entry, 0, len(names))
	for _, n := range names {
		below := join(path, n.Name())
		e, err := v.entry(ctx, filepath.Join(dir, n.Name()), below, n.Type(), depth)
		if err != nil {
			return nil, at(below, err)
		}
		e.Name = n.Name()
		entries = append(entries, e)
	}
	return entries, nil
}

func (v *verifier) entry(ctx context.Context, file, path string, typ fs.FileMode, depth int) (Entry, error) {
	switch typ {
	case fs.ModeDir:
		id, err := v.tree(ctx, file, path, depth+1)
		return Entry{Mode: ModeDir, ID: id}, err
	case fs.ModeSymlink:
		target, err := os.Readlink(file)
		v.files++
		v.plain += objectTag + int64(len(target))
		return Entry{Mode: ModeLink, ID: HashObject(v.part.ID.format, "blob", []byte(target))}, err
	case 0:
		id, mode, err := v.file(ctx, file)
		return Entry{Mode: mode, ID: id}, err
	}
	return Entry{}, corrupt("%s is neither file, directory nor link", typ)
}

// file hashes a file.
func (v *verifier) file(ctx context.Context, path string) (ID, Mode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return ID{}, 0, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return ID{}, 0, err
	}
	mode, err := fileMode(info.Mode(), v.part.Kind)
	if err != nil {
		return ID{}, 0, err
	}
	v.object.Reset()
	hashHead(v.object, "blob", info.Size())
	n, err := v.copy(ctx, f)
	if err == nil && n != info.Size() {
		err = corrupt("the file changes while it is read")
	}
	v.files++
	v.plain += objectTag + n
	return sumID(v.part.ID.format, v.object), mode, err
}

func fileMode(m fs.FileMode, kind PartKind) (Mode, error) {
	switch {
	case !m.IsRegular():
		return 0, corrupt("%s is no file", m)
	case kind != BigBlob && m.Perm()&0o222 != 0:
		return 0, corrupt("the file can be written to (%s)", m)
	case m.Perm()&0o100 != 0:
		return ModeExec, nil
	}
	return ModeFile, nil
}

// copy hashes the rest of a file, and can be interrupted.
func (v *verifier) copy(ctx context.Context, f *os.File) (n int64, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := f.Read(v.buf)
		v.object.Write(v.buf[:m])
		n += int64(m)
		if errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// compare says whether a directory is the raw tree that was kept: all entries are there with the same ids and kinds,
// nothing else, and of an OwnFiles part only blobs may be missing.
func (v *verifier) compare(raw []byte, found []Entry) error {
	entries, err := ParseTree(v.part.ID.format, raw)
	if err != nil {
		return err
	}
	byName := make(map[string]Entry, len(found))
	for _, e := range found {
		byName[e.Name] = e
	}
	for _, e := range entries {
		there, ok := byName[e.Name]
		delete(byName, e.Name)
		if err := v.match(e, there, ok); err != nil {
			return err
		}
	}
	for name := range byName {
		return corrupt("%q does not belong there", name)
	}
	return nil
}

// match compares an entry of a tree with what was found under its name.
func (v *verifier) match(e, found Entry, ok bool) error {
	kind := e.Mode.Kind()
	own := v.part.Kind == OwnFiles
	switch {
	case kind == Submodule || kind == Other || own && kind == Dir:
		if ok {
			return corrupt("%q does not belong there", e.Name)
		}
	case !ok && own && kind != Link:
		v.plain += tagSize // left out; that it was not lost follows from the count and the size in the end
	case !ok:
		return corrupt("%q is missing", e.Name)
	case found.Mode.Kind() != kind || found.ID != e.ID:
		return corrupt("%q is the %s %s; want the %s %s", e.Name, found.Mode.Kind(), found.ID, kind, e.ID)
	}
	return nil
}
