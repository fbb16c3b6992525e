package pgwire

import (
	"bytes"
	"encoding/binary"
)

// text is what builders take where the protocol has a string.
type text interface{ ~string | ~[]byte }

// AppendBare appends a message without a body, such as Sync or ParseComplete.
func AppendBare[T ~byte](dst []byte, typ T) []byte {
	return append(dst, byte(typ), 0, 0, 0, 4)
}

// open appends a header whose length close fills in; it begins at the old len(dst).
func open[T ~byte](dst []byte, typ T) []byte {
	return append(dst, byte(typ), 0, 0, 0, 0)
}

// seal writes the length of the message that began at start.
func seal(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-1))
	return dst
}

// cstring appends a string and its NUL. What follows a NUL inside of the string is left out, as C would do: else a
// string could bring fields of its own into a message.
func cstring[S text](dst []byte, s S) []byte {
	n := len(dst)
	dst = append(dst, s...)
	if i := bytes.IndexByte(dst[n:], 0); i >= 0 {
		dst = dst[:n+i]
	}
	return append(dst, 0)
}

func append16(dst []byte, v int) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) }

func append32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }

// appendText appends a message whose body is one string.
func appendText[T ~byte, S text](dst []byte, typ T, s S) []byte {
	start := len(dst)
	return seal(cstring(open(dst, typ), s), start)
}

// appendRaw appends a message whose body is given whole.
func appendRaw[T ~byte](dst []byte, typ T, body []byte) []byte {
	start := len(dst)
	return seal(append(open(dst, typ), body...), start)
}

// appendValue appends a value with its length; nil is NULL.
func appendValue(dst, v []byte) []byte {
	if v == nil {
		return append32(dst, 1<<32-1)
	}
	return append(append32(dst, uint32(len(v))), v...)
}

// sealStartup writes the length of a packet without a type.
func sealStartup(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}
