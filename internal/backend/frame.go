package backend

import (
	"io"
	"net"

	"holdfast/internal/pgwire"
)

const (
	maxGreeting = 64 << 10 // bytes of a message before the log-in is complete: more than any server has to say
	maxMessage  = 16 << 20 // bytes of a message to Exec and QueryRow, which are for small answers
)

// readMessage reads one message and not a byte more, so that whoever reads next misses nothing. That takes two reads per
// message, which is fine for what is read here. The body is the caller's. Head, which must hold HeaderSize bytes, is left
// holding the header, for errors.
func readMessage(nc net.Conn, head []byte, limit int) (typ pgwire.BackendType, body []byte, err error) {
	if _, err := io.ReadFull(nc, head[:pgwire.HeaderSize]); err != nil {
		return 0, nil, err
	}
	b, size, err := pgwire.Header(head)
	if err != nil {
		return 0, nil, err
	}
	if size > limit {
		return pgwire.BackendType(b), nil, strange("%s of %d bytes, at most %d are expected", pgwire.BackendType(b), size, limit)
	}
	body = make([]byte, size-pgwire.HeaderSize)
	_, err = io.ReadFull(nc, body)
	if err == io.EOF && len(body) > 0 { //nolint:errorlint // io.ReadFull returns it bare
		err = io.ErrUnexpectedEOF
	}
	return pgwire.BackendType(b), body, err
}
