package treepack

import (
	"bytes"
	"hash"
	"io"
	"slices"

	"holdfast/internal/fault"
)

// Sink receives the files of a part. Paths are bytes below the root of the part, with slashes between names; every name
// has passed CheckName. A directory comes before what is in it, and nothing comes twice. A sink must not make anything
// visible before Unpack returned nil.
type Sink interface {
	// Dir makes a directory; "" is the root of the part, which comes first unless the part is a BigBlob.
	Dir(path string) error
	// File makes a file from size bytes of r. The path of a BigBlob is "", and exec is false: see Piece.Mode. Reading r
	// fails before its end when the bytes are wrong. What the sink leaves unread is verified nevertheless.
	File(path string, exec bool, size int64, r io.Reader) error
	// Link makes a symbolic link; the target is as it stands in the repository and may point anywhere.
	Link(path, target string) error
	// Keep stores the raw bytes of the tree of a directory, which VerifyDir needs later because the directory
	// alone does not tell them: the root of an OwnFiles part, and trees of old programs. Kept is a place for them. The
	// sink does not retain raw.
	Keep(path string, raw []byte) error
}

// maxPlain is more than any part has: it keeps sums of sizes away from their overflow.
const maxPlain = 1 << 50

// Unpack reads a pack and gives its files to the sink. It returns nil only if the pack was exactly the part: every
// object as its parent names it, the sum and the size of the plain stream and the count of files as in want, nothing
// missing and nothing behind. A wrong pack is ErrCorrupt; errors of r and of the sink are returned wrapped. want must
// come from somewhere that is trusted: a signed index.
func Unpack(r io.Reader, want Part, sink Sink) error {
	if !want.ID.Kind.known() || want.ID.ID.IsZero() || want.Plain < 0 || want.Plain > maxPlain || want.Files < 0 {
		return fault.New(fault.Internal, "", "unpack: %q of %d bytes is no part", want.ID, want.Plain)
	}
	in, err := newPlainReader(r, want.Plain)
	if err != nil {
		return err
	}
	defer in.release()
	u := &unpacker{in: in, sink: sink, part: want.ID, object: want.ID.ID.format.New(), files: want.Files}
	if err := u.unpack(); err != nil {
		return err
	}
	if u.files != 0 {
		return corrupt("pack: %d files fewer than declared", u.files)
	}
	return in.finish(want.SHA256)
}

type unpacker struct {
	in     *plainReader
	sink   Sink
	part   PartID
	object hash.Hash
	files  int32 // that may come yet
	raw    []byte
	blob   blobReader
}

func (u *unpacker) unpack() error {
	head := streamHead(u.part)
	if got, err := u.in.next(len(head)); err != nil {
		return err
	} else if !bytes.Equal(got, head) {
		return corrupt("pack: it begins with %q; want %q", got, head)
	}
	err := error(nil)
	if u.part.Kind == BigBlob {
		err = u.file("", Entry{Mode: ModeFile, ID: u.part.ID})
	} else {
		err = u.tree("", u.part.ID, 0)
	}
	if err != nil {
		return err
	}
	return u.tag(tagEnd)
}

// tag takes one byte, which must be the tag.
func (u *unpacker) tag(want byte) error {
	got, err := u.in.next(tagSize)
	if err == nil && got[0] != want {
		err = corrupt("pack: %q where %q belongs", got[0], want)
	}
	return err
}

// size takes the length of an object, which must have room in what is left of the stream.
func (u *unpacker) size(limit int64) (int64, error) {
	b, err := u.in.next(objectTag - tagSize)
	if err != nil {
		return 0, err
	}
	if n := bigEndianSize(b); n >= 0 && n <= limit && n <= u.in.remaining() {
		return n, nil
	}
	return 0, corrupt("pack: an object of %d bytes has no place in it", bigEndianSize(b))
}

// tree takes a tree and, of a WholeTree, all that is below it.
func (u *unpacker) tree(path string, id ID, depth int) error {
	if err := checkPath(path, depth); err != nil {
		return at(path, refuse(err))
	}
	entries, err := u.entries(path, id)
	if err != nil {
		return at(path, err)
	}
	for _, e := range entries {
		if err := u.entry(join(path, e.Name), e, depth); err != nil {
			return err
		}
	}
	return nil
}

// entries takes a raw tree, verifies it, and makes its directory.
func (u *unpacker) entries(path string, id ID) ([]Entry, error) {
	raw, err := u.readTree()
	if err != nil {
		return nil, err
	}
	if got := HashObject(id.format, "tree", raw); got != id {
		return nil, corrupt("pack: tree %s where %s belongs", got, id)
	}
	entries, err := ParseTree(id.format, raw)
	if err != nil {
		return nil, refuse(err)
	}
	if err := u.room(entries); err != nil {
		return nil, err
	}
	if err := u.sink.Dir(path); err != nil {
		return nil, err
	}
	if u.part.Kind == OwnFiles || !rebuildable(entries, raw) {
		err = u.sink.Keep(path, raw)
	}
	return entries, err
}

// readTree takes the bytes of a tree, into a buffer that the next one uses again. It grows with what has arrived, not
// with what was announced.
func (u *unpacker) readTree() ([]byte, error) {
	if err := u.tag(tagTree); err != nil {
		return nil, err
	}
	left, err := u.size(MaxTree)
	if err != nil {
		return nil, err
	}
	u.raw = u.raw[:0]
	for left > 0 {
		b, err := u.in.peek(left)
		if err != nil {
			return nil, err
		}
		u.raw = append(u.raw, b...)
		u.in.r += len(b)
		left -= int64(len(b))
	}
	return u.raw, nil
}

// room refuses a tree with more entries than the declared numbers leave room for, before memory is spent on what is
// below it. Of an OwnFiles part, each entry that is left out costs one byte.
func (u *unpacker) room(entries []Entry) error {
	files, dirs := int64(0), int64(0)
	for _, e := range entries {
		switch e.Mode.Kind() {
		case Dir:
			dirs++
		case File, Exec, Link:
			files++
		case Submodule, Other:
		}
	}
	if u.part.Kind == OwnFiles {
		dirs = 0
	} else if files > int64(u.files) {
		return corrupt("pack: more files than declared")
	}
	if files+objectTag*dirs > u.in.remaining() {
		return corrupt("pack: more entries than its declared size has room for")
	}
	return nil
}

func (u *unpacker) entry(path string, e Entry, depth int) error {
	switch e.Mode.Kind() {
	case Dir:
		if u.part.Kind == OwnFiles {
			return nil
		}
		return u.tree(path, e.ID, depth+1)
	case File, Exec, Link:
		return at(path, u.file(path, e))
	case Submodule:
		return nil
	}
	return at(path, refuse(fail(ErrMode, "mode %o is not known", e.Mode)))
}

// file takes a blob, or the mark that it is elsewhere.
func (u *unpacker) file(path string, e Entry) error {
	if err := checkPath(path, 0); err != nil {
		return refuse(err)
	}
	if next, err := u.in.peek(tagSize); err != nil {
		return err
	} else if next[0] == tagLeft && u.part.Kind == OwnFiles && e.Mode.Kind() != Link {
		return u.tag(tagLeft)
	}
	if err := u.tag(tagBlob); err != nil {
		return err
	}
	if u.files--; u.files < 0 {
		return corrupt("pack: more files than declared")
	}
	limit := int64(maxPlain)
	if e.Mode.Kind() == Link {
		limit = maxLink
	}
	size, err := u.size(limit)
	if err != nil {
		return err
	}
	u.blob.start(u, e.ID, size)
	if e.Mode.Kind() == Link {
		return u.link(path, size)
	}
	err = u.sink.File(path, e.Mode.Kind() == Exec, size, &u.blob)
	return u.blob.finish(err)
}

// link reads the target, verified, before the sink hears of it.
func (u *unpacker) link(path string, size int64) error {
	target := slices.Grow([]byte(nil), int(size))[:size]
	if _, err := io.ReadFull(&u.blob, target); err != nil && size > 0 {
		return err
	}
	if err := u.blob.finish(nil); err != nil {
		return err
	}
	if err := checkLink(target); err != nil {
		return refuse(err)
	}
	return u.sink.Link(path, string(target))
}
