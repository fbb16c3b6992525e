package lane

import "iter"

// maxFields is how many header fields a simple request may have.
const maxFields = 64

// line is where in a head a field stands: its name, and its value without the space around it.
type line struct{ name, colon, value, end uint16 }

// All goes through the header fields, Host among them, in the order in which they came: names as they were written, values without the
// space around them. It allocates nothing. The bytes are the lane's.
func (q *Request) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for _, l := range q.lines[:q.count] {
			if !yield(q.head[l.name:l.colon:l.colon], q.head[l.value:l.end:l.end]) {
				return
			}
		}
	}
}

// note remembers a field that begins at an offset of the head, and reports whether there is room for it. A head is no longer than maxHead, so offsets
// fit.
func (q *Request) note(at, name int, value []byte, end int) bool {
	if q.count == maxFields {
		return false
	}
	for end > at && blank(q.head[end-1]) {
		end--
	}
	q.lines[q.count] = line{uint16(at), uint16(at + name), uint16(end - len(value)), uint16(end)}
	q.count++
	return true
}
