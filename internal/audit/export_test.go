package audit

import "io"

// Output is what the writer does with its file.
type Output interface {
	io.Writer
	Sync() error
}

// AppendRecord appends a record as a line.
func AppendRecord(dst []byte, r *Record, textMax int) []byte { return appendRecord(dst, r, textMax) }

// Wrap puts something between a writer that has not started and its files.
func (w *Writer) Wrap(wrap func(Output) Output) {
	w.wrap = func(o output) output { return wrap(o) }
}
