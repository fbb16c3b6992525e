package audit

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"
)

// The numbers of bytes at which texts are cut: of a record, and of a torn line.
const (
	maxField = 1 << 10
	maxTorn  = 16 << 10
)

// appendRecord appends a record as a line of JSON. What is empty is left out, but for the person and whether it is proven.
func appendRecord(dst []byte, r *Record, textMax int) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, r.Time)
	dst = append(dst, `","event":"`...)
	dst = append(dst, r.Event.String()...)
	dst = append(dst, `","person":`...)
	dst = appendText(dst, r.Person, maxField)
	dst = append(dst, `,"proven":`...)
	dst = strconv.AppendBool(dst, r.Proven)
	dst = appendField(dst, "database", r.Database)
	dst = appendField(dst, "user", r.User)
	dst = appendField(dst, "class", r.Class)
	dst = appendField(dst, "method", r.Method)
	if r.Event == Statement {
		dst = appendStatement(dst, r)
	}
	dst = appendField(dst, "sqlstate", r.SQLSTATE)
	dst = appendField(dst, "reason", r.Reason)
	if r.BackendPID != 0 {
		dst = append(dst, `,"backend_pid":`...)
		dst = strconv.AppendUint(dst, uint64(r.BackendPID), 10)
	}
	dst = appendClient(dst, r)
	dst = appendField(dst, "request_id", r.RequestID)
	if textMax > 0 && len(r.Text) > 0 {
		dst = append(dst, `,"text":`...)
		dst = appendText(dst, r.Text, textMax)
	}
	return append(dst, '}', '\n')
}

// appendRecovered appends the line that keeps what a process that died left of a line. After a loss of power, zeros may
// stand in place of bytes.
func appendRecovered(dst, torn []byte) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, time.Time{})
	dst = append(dst, `","event":"recovered","reason":"the last line was torn","bytes":`...)
	dst = strconv.AppendInt(dst, int64(len(torn)), 10)
	dst = append(dst, `,"text":`...)
	dst = appendText(dst, bytes.TrimRight(torn, "\x00"), maxTorn)
	return append(dst, '}', '\n')
}

// appendLost appends the line that stands where records are missing.
func appendLost(dst []byte, records uint64) []byte {
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, time.Time{})
	dst = append(dst, `","event":"lost","reason":"the queue was full","records":`...)
	dst = strconv.AppendUint(dst, records, 10)
	return append(dst, '}', '\n')
}

func appendStatement(dst []byte, r *Record) []byte {
	dst = append(dst, `,"statement":"`...)
	dst = append(dst, r.Statement.String()...)
	dst = append(dst, '"')
	if r.Fingerprint != 0 {
		dst = append(dst, `,"fingerprint":"`...)
		dst = appendHex(dst, r.Fingerprint)
		dst = append(dst, '"')
	}
	if r.Rows >= 0 {
		dst = append(dst, `,"rows":`...)
		dst = strconv.AppendInt(dst, r.Rows, 10)
	}
	dst = append(dst, `,"duration_us":`...)
	return strconv.AppendInt(dst, r.Duration.Microseconds(), 10)
}

func appendClient(dst []byte, r *Record) []byte {
	dst = append(dst, `,"client":"`...)
	if r.Client.IsValid() {
		dst = r.Client.AppendTo(dst)
	} else {
		dst = append(dst, "unix"...)
	}
	return append(dst, '"')
}

// appendTime appends a time with microseconds in UTC, now for the zero time. The first part is the form that package
// time writes fastest.
func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		t = time.Now()
	}
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	micros := 1_000_000 + t.Nanosecond()/1000
	mark := len(dst) - 1 // of the Z
	dst = strconv.AppendInt(dst, int64(micros), 10)
	dst[mark] = '.'
	copy(dst[mark+1:], dst[mark+2:])
	dst[len(dst)-1] = 'Z'
	return dst
}

func appendHex(dst []byte, n uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&15])
	}
	return dst
}

// appendField appends a comma, a name that needs no escape, and a text, unless the text is empty.
func appendField(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return appendText(dst, text, maxField)
}

// appendText appends a JSON string (RFC 8259 section 7) of at most max bytes of the text, cut between characters. Bytes
// that are no UTF-8 become U+FFFD.
func appendText[T string | []byte](dst []byte, text T, limit int) []byte {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	}
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && isPlain(text[i]) {
			i++
		}
		dst = append(dst, text[start:i]...)
		if i == len(text) {
			break
		}
		if text[i] < utf8.RuneSelf {
			dst = appendEscape(dst, text[i])
			i++
			continue
		}
		var next [utf8.UTFMax]byte
		n := copy(next[:], text[i:])
		r, size := utf8.DecodeRune(next[:n])
		if cut && !utf8.FullRune(next[:n]) {
			break
		}
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	if cut {
		dst = append(dst, "…"...)
	}
	return append(dst, '"')
}

// isPlain holds for bytes that stand for themselves.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
