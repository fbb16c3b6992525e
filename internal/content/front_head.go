package content

import (
	"bytes"
	"strings"

	"holdfast/internal/logging"
)

// maxFrontHead and maxFrontBody bound what the front reads of a request; what is larger is net/http's.
const (
	maxFrontHead = 8 << 10
	maxFrontBody = 48 << 10
)

// verdict is what the front makes of the bytes of a request.
type verdict uint8

const (
	simple  verdict = iota
	more            // it is not all there
	foreign         // net/http shall judge it
)

// head is a simple request.
type head struct {
	route string // as "POST /v1/content/ensure"
	id    string // that it came with; "" for none
	body  []byte
	size  int // of it all, in bytes
	last  bool
}

const frontProtocol = " HTTP/1.1"

// headEnd ends a request's head (RFC 9112 section 2.1).
const headEnd = "\r\n\r\n"

// readHead reads the request at the beginning of b. Whatever is not plainly simple is foreign, so that there is one
// reading of a doubtful request and not two: the front never says that a request is wrong.
func readHead(b []byte, routes map[string]frontCall) (h head, v verdict) {
	if !bytes.HasPrefix(b, []byte("POST ")[:min(5, len(b))]) {
		return h, foreign
	}
	end := bytes.Index(b, []byte(headEnd))
	switch {
	case end < 0 && len(b) < maxFrontHead:
		return h, more
	case end < 0 || end > maxFrontHead:
		return h, foreign
	}
	line, fields, _ := strings.Cut(string(b[:end+2]), "\r\n")
	route, ok := strings.CutSuffix(line, frontProtocol)
	if _, known := routes[route]; !ok || !known {
		return h, foreign
	}
	h.route = route
	length, ok := h.readFields(fields)
	if !ok {
		return h, foreign
	}
	h.size = end + len(headEnd) + length
	if len(b) < h.size {
		return h, more
	}
	h.body = b[end+len(headEnd) : h.size]
	return h, simple
}

// readFields reads the lines of the header and returns the length of the body.
func (h *head) readFields(lines string) (length int, ok bool) {
	hosts, lengths := 0, 0
	for line := range strings.SplitSeq(strings.TrimSuffix(lines, "\r\n"), "\r\n") {
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return 0, false
		}
		value = strings.Trim(value, " \t")
		if !isPlain(value) {
			return 0, false
		}
		switch strings.ToLower(name) {
		case "host":
			hosts++
			ok = value != ""
		case "content-length":
			lengths++
			length, ok = bodyLength(value)
		case "connection":
			h.last = strings.EqualFold(value, "close")
			ok = h.last || strings.EqualFold(value, "keep-alive")
		case "x-request-id":
			ok = h.id == "" && logging.IsRequestID(value)
			h.id = value
		case "transfer-encoding", "expect", "upgrade", "trailer", "te", "http2-settings":
			ok = false
		default:
			ok = true
		}
		if !ok {
			return 0, false
		}
	}
	return length, hosts == 1 && lengths == 1
}

// bodyLength reads a Content-Length (RFC 9110 section 8.6).
func bodyLength(text string) (n int, ok bool) {
	if text == "" || len(text) > 6 {
		return 0, false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + int(text[i]-'0')
	}
	return n, n <= maxFrontBody
}

// isToken reports whether the text is a field's name (RFC 9110 section 5.6.2), of the letters that programs use.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return text != ""
}

// isPlain reports whether a field's value is of visible ASCII, spaces and tabs.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < ' ' || c > '~') && c != '\t' {
			return false
		}
	}
	return true
}
