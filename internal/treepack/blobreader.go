package treepack

import "io"

// blobReader gives the content of one blob of a pack, and its last bytes only if they make the blob that its parent
// names. There is one in an unpacker, used for one file after the other.
type blobReader struct {
	u        *unpacker
	id       ID
	left     int64
	verified bool
	err      error // what went wrong; it stays
}

func (b *blobReader) start(u *unpacker, id ID, size int64) {
	*b = blobReader{u: u, id: id, left: size}
	u.object.Reset()
	hashHead(u.object, "blob", size)
}

// take returns up to n bytes, none and io.EOF behind the last one. They are good until the next call.
func (b *blobReader) take(n int64) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	var chunk []byte
	if n = min(n, b.left); n > 0 {
		if chunk, b.err = b.u.in.peek(n); b.err != nil {
			return nil, b.err
		}
		b.u.object.Write(chunk)
		b.u.in.r += len(chunk)
		b.left -= int64(len(chunk))
	}
	if b.left > 0 {
		return chunk, nil
	}
	if !b.verified {
		if got := sumID(b.id.format, b.u.object); got != b.id {
			b.err = corrupt("pack: blob %s where %s belongs", got, b.id)
			return nil, b.err
		}
		b.verified = true
	}
	if len(chunk) == 0 {
		return nil, io.EOF
	}
	return chunk, nil
}

// Read is for sinks.
func (b *blobReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	chunk, err := b.take(int64(len(p)))
	return copy(p, chunk), err
}

// WriteTo spares sinks that use io.Copy a buffer.
func (b *blobReader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		chunk, err := b.take(plainBuffer)
		if err == io.EOF { //nolint:errorlint // it is ours
			return n, nil
		} else if err != nil {
			return n, err
		}
		m, err := w.Write(chunk)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// finish reads what the sink has left, and returns what went wrong: first the blob's own error, which the sink's may
// only repeat.
func (b *blobReader) finish(sinkErr error) error {
	for b.err == nil && sinkErr == nil && !b.verified {
		if _, err := b.take(plainBuffer); err != nil && b.err == nil {
			break // io.EOF: verified
		}
	}
	if b.err != nil {
		return b.err
	}
	return sinkErr
}
