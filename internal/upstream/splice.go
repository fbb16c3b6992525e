package upstream

import (
	"errors"
	"io"
	"os"
	"time"
)

const (
	// splicePiece is how much of a large answer goes from socket to socket at once, without passing through our memory (splice(2)).
	splicePiece = 256 << 10
	// spliceWait is how long a piece may take. What is slower is copied: there a pause of the server counts as its own, and not as
	// the visitor's, whose deadline cannot be moved while the kernel moves a piece.
	spliceWait = 5 * time.Second
)

// splice sends whole pieces of a body that is not slow, and leaves the rest to be copied.
func (x *exchange) splice(out *writer, rest *io.LimitedReader, buf []byte) error {
	to, ok := out.ResponseWriter.(io.ReaderFrom)
	if r := x.request; !ok || r.ProtoMajor != 1 || r.TLS != nil {
		return nil // there is no socket to send to as it is
	}
	w := x.wire
	for w.read.Buffered() > 0 { // what came with the header
		n, err := rest.Read(buf[:min(len(buf), w.read.Buffered())])
		if err != nil {
			return err
		}
		if _, err := out.Write(buf[:n]); err != nil {
			return err
		}
	}
	for rest.N >= splicePiece {
		end := time.Now().Add(x.pool.patience)
		if !w.until.IsZero() && w.until.Before(end) {
			return nil
		}
		w.deadline(end)
		n, err := to.ReadFrom(&io.LimitedReader{R: w.conn, N: splicePiece})
		rest.N -= n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && !w.cutOff.Load():
			return nil // the visitor's deadline, if it was that one, ends the copying, too
		case err != nil:
			return err
		case n < splicePiece:
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// whole is what is left of a body whose length is known.
type whole struct{ *io.LimitedReader }

// Read tells an early end from the end.
func (b whole) Read(p []byte) (int, error) {
	n, err := b.LimitedReader.Read(p)
	if errors.Is(err, io.EOF) && b.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (b whole) Close() error { return nil }
