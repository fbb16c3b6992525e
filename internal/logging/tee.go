package logging

import "io"

// Tee returns a writer to w and to all of the others. Which format is written is decided by w alone, see [Config]. An
// error of one writer does not keep the event from the next; the first error is returned.
func Tee(w io.Writer, others ...io.Writer) io.Writer { return &tee{w, others} }

type tee struct {
	main   io.Writer
	others []io.Writer
}

func (t *tee) Write(p []byte) (int, error) {
	_, err := t.main.Write(p)
	for _, w := range t.others {
		if _, e := w.Write(p); err == nil {
			err = e
		}
	}
	return len(p), err
}
