package pgwire

import (
	"encoding/binary"
	"fmt"
)

const (
	// HeaderSize is the size of what stands before a message's body: its type and its length.
	HeaderSize = 5
	// MaxStartup is the size in bytes of the largest start-up packet, its length word not counted. PostgreSQL has the
	// same limit.
	MaxStartup = 10000
	// maxLength is the largest length word, which counts itself but not the type: a gigabyte, like PostgreSQL.
	maxLength = 1 << 30
)

// A ProtocolError is a breach of the protocol after which the connection cannot go on: nobody knows where the next
// message begins, or what the peer means.
type ProtocolError struct {
	Reason string
	Code   string // the SQLSTATE for the client; empty means 08P01, protocol_violation
}

// Error returns the reason.
func (e *ProtocolError) Error() string { return e.Reason }

// SQLState returns the code to answer with.
func (e *ProtocolError) SQLState() string {
	if e.Code == "" {
		return "08P01"
	}
	return e.Code
}

// violation is out of line, so that parsers stay small where all is well.
//
//go:noinline
func violation(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}

// malformed says that a body does not have the shape of its message.
//
//go:noinline
func malformed(what string) error {
	return &ProtocolError{Reason: "invalid " + what + " message"}
}

// Header reads the first HeaderSize bytes of a message. Size is that of the whole message, type byte included, at least
// HeaderSize. B must hold HeaderSize bytes. Whether the type exists is not Header's question.
func Header(b []byte) (typ byte, size int, err error) {
	n := binary.BigEndian.Uint32(b[1:HeaderSize])
	if n < 4 || n > maxLength {
		return b[0], 0, invalidLength(n)
	}
	return b[0], int(n) + 1, nil
}

//go:noinline
func invalidLength(n uint32) error { return violation("invalid message length %d", n) }
