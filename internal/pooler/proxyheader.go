package pooler

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Sizes of the header of the PROXY protocol, in bytes.
const (
	maxProxyLine  = 107 // of version 1, its end included
	proxyFixed    = 16  // of the beginning of version 2, which ends with the length of the rest
	maxProxyExtra = 4 << 10
)

var errNoProxyHeader = errors.New("it is neither of version 1 nor of version 2")

// proxyHeader reads the header of the PROXY protocol and not one byte more: what follows may be TLS. The parser wants to have it
// whole.
func proxyHeader(r io.Reader) (*bufio.Reader, error) {
	b := make([]byte, 1, maxProxyLine)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	var err error
	switch b[0] {
	case 'P':
		b, err = proxyLine(r, b)
	case '\r':
		b, err = proxyBlock(r, b)
	default:
		err = errNoProxyHeader
	}
	return bufio.NewReader(bytes.NewReader(b)), err
}

// proxyLine reads the rest of a header of version 1, byte by byte: it is short and comes once.
func proxyLine(r io.Reader, b []byte) ([]byte, error) {
	for len(b) < maxProxyLine && b[len(b)-1] != '\n' {
		b = append(b, 0)
		if _, err := io.ReadFull(r, b[len(b)-1:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func proxyBlock(r io.Reader, b []byte) ([]byte, error) {
	b = append(b, make([]byte, proxyFixed-1)...)
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return nil, err
	}
	extra := int(binary.BigEndian.Uint16(b[proxyFixed-2:]))
	if extra > maxProxyExtra {
		return nil, errNoProxyHeader
	}
	b = append(b, make([]byte, extra)...)
	_, err := io.ReadFull(r, b[proxyFixed:])
	return b, err
}
