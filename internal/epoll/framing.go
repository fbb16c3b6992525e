package epoll

import "encoding/binary"

// recordHeader is the size in bytes of what stands before each record: its type, its version, and in the last two bytes
// its length. RFC 8446 section 5.1; the same in TLS 1.2.
const recordHeader = 5

// framing follows where records end in a stream of them. It decrypts nothing.
type framing struct {
	header [recordHeader]byte
	have   int  // how much of header is there
	left   int  // how much of the record is still to come after its header
	single bool // what passed last completed one record, and nothing else has begun
}

// smallRecord is how much is read at once, in bytes, while it is unknown how long the record is.
const smallRecord = 4 << 10

// appetite returns how much to read: small records as they come, large ones to their end and no further. The buffer of
// crypto/tls then never holds a large record and a piece of the next, for which it would grow to twice the size, and
// keep that for the life of the session.
func (f *framing) appetite() int {
	if f.have == recordHeader {
		return f.left
	}
	return smallRecord
}

// pass takes note of bytes.
func (f *framing) pass(p []byte) {
	records := 0
	for len(p) > 0 {
		if f.have < recordHeader {
			n := copy(f.header[f.have:], p)
			f.have, p = f.have+n, p[n:]
			if f.have < recordHeader {
				break
			}
			f.left = int(binary.BigEndian.Uint16(f.header[3:]))
		}
		n := min(f.left, len(p))
		f.left, p = f.left-n, p[n:]
		if f.left == 0 {
			f.have = 0
			records++
		}
	}
	f.single = records == 1 && f.have == 0
}
