package relay

// Out collects what one call hands on. As long as that is one stretch of the input it is a slice of it; the first change
// copies. The zero value is ready; its buffer is kept from call to call.
type Out struct {
	in       []byte
	from, to int
	buf      []byte
	copied   bool
}

// Bytes returns what was collected. It is valid until the input is overwritten or the Out used again.
func (o *Out) Bytes() []byte {
	if o.copied {
		return o.buf
	}
	return o.in[o.from:o.to]
}

// size returns how many bytes were collected.
func (o *Out) size() int {
	if o.copied {
		return len(o.buf)
	}
	return o.to - o.from
}

// Shrink lets go of a buffer that has grown beyond a size in bytes.
func (o *Out) Shrink(limit int) {
	if cap(o.buf) > limit {
		o.buf = nil
	}
}

func (o *Out) begin(in []byte) {
	o.in, o.from, o.to, o.buf, o.copied = in, 0, 0, o.buf[:0], false
}

// keep hands on in[i:j].
func (o *Out) keep(i, j int) {
	switch {
	case o.copied:
		o.buf = append(o.buf, o.in[i:j]...)
	case o.from == o.to:
		o.from, o.to = i, j
	case o.to == i:
		o.to = j
	default:
		o.copy()
		o.buf = append(o.buf, o.in[i:j]...)
	}
}

// buffer returns the buffer to append to; what is appended is stored with put.
func (o *Out) buffer() []byte {
	o.copy()
	return o.buf
}

func (o *Out) put(b []byte) { o.buf = b }

func (o *Out) copy() {
	if !o.copied {
		o.buf = append(o.buf, o.in[o.from:o.to]...)
		o.copied = true
	}
}
