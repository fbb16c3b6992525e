package treepack

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// MaxTree is the largest raw tree that is worked with, in bytes: some 400,000 entries.
const MaxTree = 16 << 20

// Entry is one line of a tree.
type Entry struct {
	Name string // bytes, not necessarily UTF-8
	Mode Mode
	ID   ID
}

// ParseTree takes a raw tree apart. It is strict: entries must be in git's order and without duplicates, modes octal
// and below 2^16, names such as CheckName allows. Zeros in front of a mode are accepted, because old programs wrote
// them.
func ParseTree(f Format, raw []byte) ([]Entry, error) {
	if f.Size() == 0 {
		return nil, fail(ErrTree, "parse tree: unknown object format")
	}
	if len(raw) > MaxTree {
		return nil, fail(ErrTooLarge, "a tree of %d bytes is not allowed: the limit is %d", len(raw), MaxTree)
	}
	entries := make([]Entry, 0, len(raw)/(f.Size()+16)+1)
	for len(raw) > 0 {
		e, rest, err := parseEntry(f, raw)
		if err != nil {
			return nil, err
		}
		if err := checkOrder(entries, e); err != nil {
			return nil, err
		}
		entries, raw = append(entries, e), rest
	}
	return entries, nil
}

// parseEntry takes one entry off: mode in octal, a space, the name, a NUL, the raw id.
func parseEntry(f Format, raw []byte) (Entry, []byte, error) {
	mode, rest, ok := parseMode(raw)
	if !ok {
		return Entry{}, nil, fail(ErrTree, "tree: no mode at %.20q", raw)
	}
	end := bytes.IndexByte(rest, 0)
	if end < 0 || len(rest) < end+1+f.Size() {
		return Entry{}, nil, fail(ErrTree, "tree: an entry is cut off at %.40q", raw)
	}
	e := Entry{Name: string(rest[:end]), Mode: mode, ID: makeID(f, rest[end+1:end+1+f.Size()])}
	if err := CheckName(e.Name); err != nil {
		return Entry{}, nil, err
	}
	return e, rest[end+1+f.Size():], nil
}

// parseMode takes octal digits and a space off. More than 16 digits, or a value of more than 16 bits, no program has
// ever written.
func parseMode(raw []byte) (Mode, []byte, bool) {
	var m Mode
	for i, c := range raw {
		switch {
		case c == ' ' && i > 0:
			return m, raw[i+1:], true
		case c < '0' || c > '7' || i == 16 || m > 0o17777:
			return 0, nil, false
		}
		m = m<<3 | Mode(c-'0')
	}
	return 0, nil, false
}

// checkOrder says why e must not follow the entries.
func checkOrder(entries []Entry, e Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if c := compareEntries(entries[len(entries)-1], e); c > 0 {
		return fail(ErrTree, "tree: %q is out of order", e.Name)
	} else if c == 0 {
		return fail(ErrTree, "tree: %q is there twice", e.Name)
	}
	if e.Mode.Kind() != Dir {
		return nil
	}
	// A file "a" stands before the directory "a", and names such as "a.b" between them.
	for _, before := range slices.Backward(entries) {
		if !strings.HasPrefix(before.Name, e.Name) {
			break
		}
		if before.Name == e.Name {
			return fail(ErrTree, "tree: %q is there twice", e.Name)
		}
	}
	return nil
}

// compareEntries is git's order: by bytes, a directory as if its name ended in a slash.
func compareEntries(a, b Entry) int {
	n := min(len(a.Name), len(b.Name))
	return cmp.Or(strings.Compare(a.Name[:n], b.Name[:n]), cmp.Compare(byteAt(a, n), byteAt(b, n)))
}

func byteAt(e Entry, n int) byte {
	switch {
	case n < len(e.Name):
		return e.Name[n]
	case e.Mode.Kind() == Dir:
		return '/'
	}
	return 0
}

// AppendTree appends the raw bytes of the tree with the entries, which need not be in order. Modes are written as they
// are, without zeros in front: use Mode.Canonical for a tree that is new.
func AppendTree(dst []byte, entries []Entry) []byte {
	if !slices.IsSortedFunc(entries, compareEntries) {
		entries = slices.SortedFunc(slices.Values(entries), compareEntries)
	}
	for _, e := range entries {
		dst = append(strconv.AppendUint(dst, uint64(e.Mode), 8), ' ')
		dst = append(append(dst, e.Name...), 0)
		dst = e.ID.AppendTo(dst)
	}
	return dst
}

// rebuildable reports whether a directory that has been unpacked holds all that is needed to write its raw tree again:
// today's modes without zeros in front, and no submodule.
func rebuildable(entries []Entry, raw []byte) bool {
	size := 0
	for _, e := range entries {
		if e.Mode != e.Mode.Canonical() || e.Mode.Kind() == Submodule || e.Mode.Kind() == Other {
			return false
		}
		size += 6 + 1 + len(e.Name) + 1 + e.ID.format.Size()
		if e.Mode.Kind() == Dir {
			size-- // 40000 has five digits
		}
	}
	return size == len(raw)
}
