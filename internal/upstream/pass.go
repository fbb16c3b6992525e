package upstream

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// pass serves a simple request (see isSimple) without goroutines of its own: the handler's writes to a wire and reads from it.
func (p *Pool) pass(x *exchange) {
	out := &writer{ResponseWriter: x.to, control: http.NewResponseController(x.to), own: http.Header{}}
	defer out.restore()
	defer x.drop(false) // when the visitor breaks off
	if total := p.options().Config.Timeouts.Total.D(); total > 0 && safe(x.request) {
		x.until = time.Now().Add(total)
	}
	resp, err := p.trip(x, func(n *node) (*http.Response, error) { return x.ask(n, out) })
	if err == nil {
		dropHops(resp.Header)
		if err = p.amend(x, resp); err != nil {
			x.drop(resp.Body == http.NoBody && !resp.Close)
		}
	}
	if err != nil {
		p.failed(x, err)
		return
	}
	x.deliver(out, resp)
}

// whole is the context of all that can end the exchange, for what waits with a context.
func (x *exchange) whole() (context.Context, context.CancelFunc) {
	until := x.until
	if until.IsZero() {
		until = time.Now().Add(time.Hour) // waiting for a server or a connection is far shorter
	}
	ctx, cancel := context.WithDeadline(x.ctx, until)
	stop := context.AfterFunc(x.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// deliver sends the answer to the visitor. One that breaks in the middle is cut.
func (x *exchange) deliver(out *writer, resp *http.Response) {
	announced := len(resp.Trailer)
	if announced > 0 {
		resp.Header["Trailer"] = []string{strings.Join(slices.Sorted(maps.Keys(resp.Trailer)), ", ")}
	}
	out.own = resp.Header
	out.WriteHeader(resp.StatusCode)
	if resp.Body != http.NoBody {
		if err := x.copyBody(out, resp); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if len(resp.Trailer) > 0 {
		_ = out.FlushError() // makes net/http write chunks, behind which trailers have a place
		for name, values := range resp.Trailer {
			if len(resp.Trailer) != announced {
				name = http.TrailerPrefix + name
			}
			out.Header()[name] = values
		}
	}
	x.drop(!resp.Close)
}

// copyBody sends an answer's body as it comes. One without a length is flushed whenever the next read would wait.
func (x *exchange) copyBody(out *writer, resp *http.Response) error {
	buf := x.pool.copies.Get()
	defer x.pool.copies.Put(buf)
	prompt, waits := resp.ContentLength < 0 || isEvents(resp.Header), true
	if resp.ContentLength >= 2*splicePiece && !prompt {
		rest := &io.LimitedReader{R: x.wire.read, N: resp.ContentLength}
		if err := x.splice(out, rest, buf); err != nil || rest.N == 0 {
			return x.brokeOff(err)
		}
		resp.Body = whole{rest}
	}
	for {
		if prompt && waits && x.wire.read.Buffered() == 0 {
			waits = false
			if err := out.FlushError(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
		}
		n, err := resp.Body.Read(buf)
		if n > 0 {
			waits = true
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return x.brokeOff(err)
		}
	}
}

// brokeOff tells of an answer that did not come to its end, if there is an error, and returns that.
func (x *exchange) brokeOff(err error) error {
	if err != nil {
		x.pool.options().Log.DebugContext(x.request.Context(), "an answer broke off", "server", x.visitor.Trace.Server, "error", err)
	}
	return err
}

// isEvents reports whether an answer is a stream of server-sent events.
func isEvents(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// headers lends maps to write headers from.
type headers struct{ pool sync.Pool }

func (p *headers) take() http.Header {
	if h, ok := p.pool.Get().(http.Header); ok {
		return h
	}
	return make(http.Header, 24)
}

func (p *headers) give(h http.Header) {
	clear(h)
	p.pool.Put(h)
}
