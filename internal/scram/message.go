package scram

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
)

const (
	maxFromClient = 1024 // bytes of a message, like PostgreSQL
	maxFromServer = 4096
	nonceSize     = 18 // bytes of randomness, 24 characters of base64, like PostgreSQL
	maxNonce      = 512
)

// attribute takes "x=value" from the front of a message. The value ends at a comma or the end of the message; more
// tells that something follows.
func attribute(msg string, name byte) (value, rest string, more, ok bool) {
	if len(msg) < 2 || msg[0] != name || msg[1] != '=' {
		return "", "", false, false
	}
	value, rest, more = strings.Cut(msg[2:], ",")
	return value, rest, more, true
}

// isNonce reports whether a text is one: printable ASCII without a comma (RFC 5802, section 7).
func isNonce(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ',' {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// areExtensions reports whether a text is a list of attributes. Nobody has defined any, but they may come.
func areExtensions(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		if len(part) < 3 || part[1] != '=' || !isLetter(part[0]) || strings.IndexByte(part, 0) >= 0 {
			return false
		}
	}
	return true
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func newNonce() string {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
