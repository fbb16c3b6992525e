package revision

import (
	"encoding/binary"
	"math"
	"strings"

	"holdfast/internal/treepack"
)

// The least bytes of an item, which bound how many of them the rest of an index can hold.
const (
	minChunk     = 3 + 20 + 1 + 1 + 1 + 1 + 2
	minPiece     = 2 + 1 + 20 + 32 + 3
	minFile      = 2 + 20 + 1
	minRejection = 6
	minDir       = 2 + 20
)

// reader takes the plain form apart. After the first error it returns zeros.
type reader struct {
	rest   []byte
	format treepack.Format
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err, r.rest = corrupt(format, args...), nil
	}
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.rest) {
		r.fail("it is cut off")
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) bool() bool {
	b := r.byte()
	if b > 1 {
		r.fail("%d is neither yes nor no", b)
	}
	return b == 1
}

// uvarint reads a number in its shortest form.
func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || n > 1 && r.rest[n-1] == 0 {
		r.fail("a number that is cut off or written at length")
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) size() int64 {
	v := r.uvarint()
	if v > math.MaxInt64 {
		r.fail("a size of %d", v)
		return 0
	}
	return int64(v)
}

func (r *reader) count32() int32 {
	v := r.uvarint()
	if v > math.MaxInt32 {
		r.fail("a count of %d", v)
		return 0
	}
	return int32(v)
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail("a text is cut off")
		return ""
	}
	return string(r.take(int(n))) //nolint:gosec // compared above
}

// path reads a path that may become one of the file system.
func (r *reader) path() string {
	path := r.text()
	switch {
	case path == "":
		return ""
	case len(path) > maxPath:
		r.fail("a path of %d bytes", len(path))
		return ""
	}
	for name := range strings.SplitSeq(path, "/") {
		if err := treepack.CheckName(name); err != nil {
			r.fail("the path %q: %w", path, err)
			return ""
		}
	}
	return path
}

func (r *reader) id() treepack.ID {
	raw := r.take(r.format.Size())
	if raw == nil {
		return treepack.ID{}
	}
	id, err := treepack.NewID(r.format, raw)
	if err != nil {
		r.fail("%w", err)
	}
	return id
}

// list reads a count and as many items, each of at least so many bytes. No item: nil.
func list[T any](r *reader, least int, item func() T) []T {
	n := r.uvarint()
	if n > uint64(len(r.rest)/least) {
		r.fail("a list of %d items is cut off", n)
	}
	if r.err != nil || n == 0 {
		return nil
	}
	out := make([]T, 0, min(n, 4096))
	for range n {
		out = append(out, item())
		if r.err != nil {
			return nil
		}
	}
	return out
}

// ordered refuses items that do not stand in strict order.
func ordered[T any](r *reader, what string, items []T, compare func(a, b T) int) {
	for i := 1; i < len(items) && r.err == nil; i++ {
		if compare(items[i-1], items[i]) >= 0 {
			r.fail("%s are out of order, or one is there twice", what)
		}
	}
}
