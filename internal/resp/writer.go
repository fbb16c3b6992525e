package resp

import (
	"net"
	"strconv"
	"strings"
)

// large is the size in bytes from which a value is passed on instead of copied: a thousand readers of one large value then
// hold one copy of it.
const large = 16 << 10

// Writer collects replies. Values given to Bulk must not change afterwards. The zero value writes RESP2 without a bound.
type Writer struct {
	Proto int   // 3 for RESP3, all else is RESP2
	Limit int64 // bytes that may be collected; 0 any

	done [][]byte
	buf  []byte
	size int64 // of done
	over bool
}

// Mark is a place in what was collected.
type Mark struct {
	done, buf int
	size      int64
}

// Mark returns the present place.
func (w *Writer) Mark() Mark { return Mark{len(w.done), len(w.buf), w.size} }

// Rewind forgets what was collected since a place, and that it was too much.
func (w *Writer) Rewind(m Mark) {
	if m.done < len(w.done) {
		w.buf = w.done[m.done]
	}
	clear(w.done[m.done:])
	w.done, w.buf, w.size, w.over = w.done[:m.done], w.buf[:m.buf], m.size, false
}

// Over reports whether more was to be collected than the limit allows. What came after that was dropped.
func (w *Writer) Over() bool { return w.over }

// Len returns how many bytes are collected.
func (w *Writer) Len() int64 { return w.size + int64(len(w.buf)) }

// Take returns what was collected, and begins anew. The last part is only valid until the Writer is used again.
func (w *Writer) Take() net.Buffers {
	all := append(net.Buffers(w.done), w.buf)
	if cap(w.buf) > 4*large {
		w.buf = nil
	}
	w.done, w.buf, w.size = nil, w.buf[:0], 0
	return all
}

func (w *Writer) fits(n int) bool {
	if w.Limit > 0 && w.Len()+int64(n) > w.Limit {
		w.over = true
	}
	return !w.over
}

func (w *Writer) head(kind byte, n int64) {
	if w.fits(24) {
		w.buf = append(w.buf, kind)
		w.buf = strconv.AppendInt(w.buf, n, 10)
		w.buf = append(w.buf, '\r', '\n')
	}
}

// Simple writes a simple string, such as OK.
func (w *Writer) Simple(s string) { w.text('+', s) }

// Error writes an error: its code, as ERR, and words. Ends of lines in it become spaces.
func (w *Writer) Error(s string) { w.text('-', strings.NewReplacer("\r", " ", "\n", " ").Replace(s)) }

func (w *Writer) text(kind byte, s string) {
	if w.fits(len(s) + 3) {
		w.buf = append(w.buf, kind)
		w.buf = append(w.buf, s...)
		w.buf = append(w.buf, '\r', '\n')
	}
}

// Int writes an integer.
func (w *Writer) Int(n int64) { w.head(':', n) }

// Bool writes 1 or 0.
func (w *Writer) Bool(b bool) {
	if b {
		w.Int(1)
	} else {
		w.Int(0)
	}
}

// Bulk writes a string of bytes.
func (w *Writer) Bulk(b []byte) {
	if !w.fits(len(b) + 26) {
		return
	}
	w.head('$', int64(len(b)))
	if len(b) < large {
		w.buf = append(w.buf, b...)
		w.buf = append(w.buf, '\r', '\n')
		return
	}
	w.done = append(w.done, w.buf, b)
	w.size += int64(len(w.buf) + len(b))
	w.buf = append(make([]byte, 0, 256), '\r', '\n')
}

// Text writes a string of bytes.
func (w *Writer) Text(s string) {
	if w.fits(len(s) + 26) {
		w.head('$', int64(len(s)))
		w.buf = append(w.buf, s...)
		w.buf = append(w.buf, '\r', '\n')
	}
}

// Null writes that there is no value.
func (w *Writer) Null() {
	if w.Proto == 3 {
		w.text('_', "")
	} else {
		w.text('$', "-1")
	}
}

// NullArray writes that there is no array.
func (w *Writer) NullArray() {
	if w.Proto == 3 {
		w.text('_', "")
	} else {
		w.text('*', "-1")
	}
}

// Array begins an array of n replies.
func (w *Writer) Array(n int) { w.head('*', int64(n)) }

// Map begins a map of n pairs; in RESP2 it is an array.
func (w *Writer) Map(n int) {
	if w.Proto == 3 {
		w.head('%', int64(n))
	} else {
		w.head('*', 2*int64(n))
	}
}

// Set begins a set of n replies; in RESP2 it is an array.
func (w *Writer) Set(n int) { w.aggregate('~', n) }

// Push begins a message that nobody asked for; in RESP2 it is an array.
func (w *Writer) Push(n int) { w.aggregate('>', n) }

func (w *Writer) aggregate(kind byte, n int) {
	if w.Proto != 3 {
		kind = '*'
	}
	w.head(kind, int64(n))
}

// Raw writes bytes that are protocol already.
func (w *Writer) Raw(b []byte) {
	if w.fits(len(b)) {
		w.buf = append(w.buf, b...)
	}
}
