package link

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// field appends one field of the signed message: its length in bytes as a decimal number, a colon, the bytes, a comma.
// With the length in front no two lists of fields make the same message.
func field(b []byte, s string) []byte {
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, ',')
}

// number appends a field that holds a decimal number.
func number(b []byte, n int64) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	b = strconv.AppendInt(b, int64(len(d)), 10)
	b = append(b, ':')
	b = append(b, d...)
	return append(b, ',')
}

// binding is what a session-bound link has of the session's cookie: the SHA-256 of its value in hex. "" stays "".
func binding(b []byte, session string) []byte {
	if session == "" {
		return field(b, "")
	}
	sum := sha256.Sum256([]byte(session))
	b = append(b, "64:"...)
	b = hex.AppendEncode(b, sum[:])
	return append(b, ',')
}
