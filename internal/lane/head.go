package lane

import (
	"bytes"
	"net/netip"
)

// maxHead is how many bytes of a head the lane looks at.
const maxHead = 16 << 10

// Field is a header field that handlers ask for often. [Request.All] has the others, too.
type Field uint8

const (
	Accept Field = iota
	AcceptEncoding
	Authorization
	Cookie
	IfMatch
	IfModifiedSince
	IfNoneMatch
	IfRange
	IfUnmodifiedSince
	Origin
	Range
	RequestID
	fields
)

// Request is a simple request. Its bytes belong to the lane: they are good until Answer or Warm returns.
type Request struct {
	Method string // "GET" or "HEAD"
	Path   []byte // as it came: escaped, clean, beginning with a slash; what url.URL.EscapedPath returns
	Query  []byte // what follows the question mark; nil without one
	Host   []byte // with port, if one was given
	Peer   netip.AddrPort

	close  bool // the peer wants no further answer
	fields [fields][]byte

	head  []byte // all of it
	lines [maxFields]line
	count int // of lines
}

// Get returns a field's value; nil when it was not sent, and not nil when it was sent empty.
func (q *Request) Get(f Field) []byte { return q.fields[f] }

// headEnd looks for the end of a head in b, of which the first from bytes hold none: the number of its bytes, or 0 when more
// has to come. odd is a line that does not end in CRLF, or an empty first line.
func headEnd(b []byte, from int) (end int, odd bool) {
	for at := from; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0, false
		}
		at += i + 1
		if at < 2 || b[at-2] != '\r' {
			return 0, true
		}
		if at == 2 {
			return 0, true
		}
		if b[at-3] == '\n' {
			return at, false
		}
	}
}

// promising reports whether bytes that are no whole head yet may become a simple request.
func promising(b []byte) bool {
	const get, head = "GET /", "HEAD /"
	n, m := min(len(b), len(get)), min(len(b), len(head))
	return string(b[:n]) == get[:n] || string(b[:m]) == head[:m]
}

// parse reads a head that headEnd found, and reports whether it is simple.
func (q *Request) parse(head []byte) bool {
	q.reset(head)
	n := bytes.IndexByte(head, '\r')
	if !q.line(head[:n]) || head[n+1] != '\n' {
		return false
	}
	for rest := head[n+2:]; ; {
		n := bytes.IndexByte(rest, '\r')
		if rest[n+1] != '\n' {
			return false // a carriage return on its own
		}
		if n == 0 {
			return len(q.Host) > 0
		}
		if !q.field(rest[:n], len(head)-len(rest)) {
			return false
		}
		rest = rest[n+2:]
	}
}

// Parse returns the simple request that a whole head is, for who tests or measures a Handler.
func Parse(head []byte, peer netip.AddrPort) (*Request, bool) {
	end, odd := headEnd(head, 0)
	q := &Request{Peer: peer}
	return q, !odd && end == len(head) && end > 0 && end <= maxHead && q.parse(head)
}

// reset forgets the request before. What lines holds beyond count is never looked at.
func (q *Request) reset(head []byte) {
	q.Method, q.Path, q.Query, q.Host = "", nil, nil, nil
	q.close, q.fields = false, [fields][]byte{}
	q.head, q.count = head, 0
}

// line reads the request line (RFC 9112 section 3).
func (q *Request) line(b []byte) bool {
	switch {
	case bytes.HasPrefix(b, []byte("GET /")):
		q.Method, b = "GET", b[4:]
	case bytes.HasPrefix(b, []byte("HEAD /")):
		q.Method, b = "HEAD", b[5:]
	default:
		return false
	}
	const version = " HTTP/1.1"
	n := len(b) - len(version)
	if n < 1 || string(b[n:]) != version {
		return false
	}
	return q.target(b[:n])
}

// target reads a target in origin form (RFC 9112 section 3.2.1) of which there is nothing to clean.
func (q *Request) target(b []byte) bool {
	q.Path = b
	for i, c := range b {
		switch {
		case c == '?' && q.Query == nil:
			q.Path, q.Query = b[:i:i], b[i+1:]
		case c == '%':
			if len(b)-i < 3 || !isHex(b[i+1]) || !isHex(b[i+2]) {
				return false
			}
		case c == '/' && q.Query == nil:
			if !clean(b[i+1:]) {
				return false
			}
		case !targets[c]:
			return false
		}
	}
	return true
}

// clean reports whether a path goes on after a slash in a way that net/http's mux does not redirect: not with another
// slash, and not with a segment "." or "..".
func clean(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if b[0] != '.' {
		return b[0] != '/'
	}
	b = b[1:]
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
	}
	return len(b) > 0 && b[0] != '/' && b[0] != '?'
}

// longestName is the length of the longest field name that matters, "if-unmodified-since"; names that long or shorter are looked up.
const longestName = 19

// field reads a header line (RFC 9112 section 5), which begins at an offset of the head.
func (q *Request) field(b []byte, at int) bool {
	var small [longestName]byte
	n := 0
	for ; n < len(b) && b[n] != ':'; n++ {
		c := names[b[n]]
		if c == 0 {
			return false
		}
		if n < longestName {
			small[n] = c
		}
	}
	if n == 0 || n == len(b) {
		return false
	}
	value := trim(b[n+1:])
	for _, c := range value {
		if c < ' ' && c != '\t' || c > '~' {
			return false
		}
	}
	if !q.note(at, n, value, at+len(b)) {
		return false
	}
	if n > longestName {
		return true
	}
	return q.set(string(small[:n]), value)
}

// trim takes spaces off both ends. Unlike bytes.Trim it leaves of nothing but spaces an empty slice, and not nil.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// set notes a field that matters, by its name in lower case.
func (q *Request) set(name string, value []byte) bool {
	switch name {
	case "host":
		return q.host(value)
	case "connection":
		return q.connection(value)
	case "content-length", "transfer-encoding", "upgrade", "expect", "trailer", "te", "http2-settings":
		return false
	case "accept":
		return q.once(Accept, value)
	case "accept-encoding":
		return q.once(AcceptEncoding, value)
	case "authorization":
		return q.once(Authorization, value)
	case "cookie":
		return q.once(Cookie, value)
	case "if-match":
		return q.once(IfMatch, value)
	case "if-modified-since":
		return q.once(IfModifiedSince, value)
	case "if-none-match":
		return q.once(IfNoneMatch, value)
	case "if-range":
		return q.once(IfRange, value)
	case "if-unmodified-since":
		return q.once(IfUnmodifiedSince, value)
	case "origin":
		return q.once(Origin, value)
	case "range":
		return q.once(Range, value)
	case "x-request-id":
		return q.once(RequestID, value)
	}
	return true
}

// once notes a field of which there must not be two.
func (q *Request) once(f Field, value []byte) bool {
	if q.fields[f] != nil {
		return false
	}
	q.fields[f] = value[:len(value):len(value)]
	return true
}

// host notes the name that the request is for (RFC 9112 section 3.2).
func (q *Request) host(value []byte) bool {
	if q.Host != nil || len(value) == 0 {
		return false
	}
	for _, c := range value {
		if !isHost(c) {
			return false
		}
	}
	q.Host = value
	return true
}

// connection knows the two options that concern the connection only, alone (RFC 9112 section 9.3).
func (q *Request) connection(value []byte) bool {
	switch {
	case q.close:
		return false
	case bytes.EqualFold(value, []byte("close")):
		q.close = true
		return true
	}
	return bytes.EqualFold(value, []byte("keep-alive"))
}
