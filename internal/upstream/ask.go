package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

const (
	// maxInterim is how many answers may come before the answer (RFC 9110 section 15.2).
	maxInterim = 16
	// lastWords is how long an answer is waited for that a server sent before it stopped to read.
	lastWords = 100 * time.Millisecond
)

var (
	errSwitched = errors.New("the server switched protocols, which nobody asked for")
	errInterim  = errors.New("too many interim answers")
	errTarget   = errors.New("the target of the request cannot be written")
)

// isSimple reports whether a request can be sent over a wire: it has no body to be waited for, and wants no other protocol.
func isSimple(r *http.Request) bool {
	return (r.Body == nil || r.Body == http.NoBody) && r.ContentLength == 0 && len(r.Header["Upgrade"]) == 0 && len(r.Header["Expect"]) == 0 &&
		plainHost(r.Host)
}

// ask sends the request to a server and returns the beginning of its answer. What an idle connection turns out not to carry goes
// over another one, if it may be sent twice; to the server it is the same try.
func (x *exchange) ask(n *node, out *writer) (*http.Response, error) {
	within := wireFresh
	if safe(x.request) {
		within = wireIdle
	}
	for {
		w, fresh, err := x.connect(n, within)
		if err != nil {
			return nil, err
		}
		x.hold(n, w)
		resp, err := x.talk(w, out)
		if err == nil {
			return resp, nil
		}
		again := !fresh && !w.began && safe(x.request) && !w.cutOff.Load() && !isTimeout(err)
		if cut := w.cutOff.Load(); cut {
			err = context.Canceled
		}
		x.drop(false)
		if !again {
			return nil, err
		}
	}
}

// hold makes a connection end with the visitor, or with the pool.
func (x *exchange) hold(n *node, w *wire) {
	x.wire, x.holder = w, n
	x.leave[0] = context.AfterFunc(x.request.Context(), w.abort)
	x.leave[1] = context.AfterFunc(x.life, w.abort)
}

// drop gives the connection back, if there is one.
func (x *exchange) drop(good bool) {
	w := x.wire
	if w == nil {
		return
	}
	x.wire = nil
	for _, stop := range x.leave {
		good = stop() && good
	}
	x.holder.wires.end(w, good)
}

// talk sends the request over a connection and reads until the answer's body.
func (x *exchange) talk(w *wire, out *writer) (*http.Response, error) {
	t := x.pool.options().Config.Timeouts
	var err error
	if w.head, err = x.appendHead(w.head[:0]); err != nil {
		return nil, err
	}
	w.until = x.until
	w.limit(t.Header.D())
	if _, err = w.conn.Write(w.head); err != nil {
		w.deadline(time.Now().Add(lastWords))
	}
	for range maxInterim {
		resp, readErr := http.ReadResponse(w.read, x.request)
		switch {
		case readErr != nil && err != nil:
			return nil, err
		case readErr != nil:
			return nil, fmt.Errorf("read the answer: %w", readErr)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitched
		case resp.StatusCode >= http.StatusOK:
			resp.Close = resp.Close || err != nil
			w.pause = t.Idle.D()
			return resp, nil
		case resp.StatusCode != http.StatusContinue:
			dropHops(resp.Header)
			out.early(resp.StatusCode, resp.Header)
		}
	}
	return nil, errInterim
}

// appendHead writes the request's line and header.
func (x *exchange) appendHead(b []byte) ([]byte, error) {
	r := x.request
	target := r.URL.RequestURI()
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return b, errTarget
		}
	}
	b = append(b, r.Method...)
	b = append(append(b, ' '), target...)
	b = append(b, " HTTP/1.1\r\n"...)
	b = appendField(b, "Host", r.Host)
	h := x.pool.headers.take()
	defer x.pool.headers.give(h)
	x.tell(h)
	for name, values := range h {
		for _, v := range values {
			b = appendField(b, name, v)
		}
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // RFC 9110 section 8.6: these have a length
		b = appendField(b, "Content-Length", "0")
	}
	return append(b, "\r\n"...), nil
}

// tell fills in what the application gets to know.
func (x *exchange) tell(h http.Header) {
	r, v := x.request, x.visitor
	for name, values := range r.Header {
		if !isHop(name) && !Removes(name, v.Trusted) {
			h[name] = values
		}
	}
	for _, line := range r.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	if wantsTrailers(r.Header["Te"]) {
		h["Te"] = []string{"trailers"}
	}
	v.tell(h, requestID(r.Context()), &x.told)
	if name := x.pool.options().Config.Sticky; name != "" {
		dropCookie(h, name)
	}
}

// appendField writes a line of the header. What would end it early is a space.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	at := len(b)
	b = append(b, value...)
	for i := at; i < len(b); i++ {
		if c := b[i]; c < ' ' && c != '\t' || c == 0x7f {
			b[i] = ' '
		}
	}
	return append(b, "\r\n"...)
}

// isHop reports fields of requests that end at the next hop (RFC 9110 section 7.6.1), and those that the framing of the message
// decides anew.
func isHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding",
		"Upgrade", "Content-Length", "Host":
		return true
	}
	return false
}

// dropHops removes from an answer's header what ends here.
func dropHops(h http.Header) {
	for _, line := range h["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(h, textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)))
		}
	}
	for _, name := range []string{
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	} {
		delete(h, name)
	}
}

func wantsTrailers(te []string) bool {
	for _, line := range te {
		for coding := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(coding), "trailers") {
				return true
			}
		}
	}
	return false
}
