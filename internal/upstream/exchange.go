package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// exchangeKey is the key of the exchange in a request's context.
type exchangeKey struct{}

// exchange is one request on its way to a server and back.
type exchange struct {
	pool    *Pool
	ctx     context.Context     // of the request, and what ends it besides
	request *http.Request       // as it came
	to      http.ResponseWriter // the visitor
	visitor *Visitor
	cancel  context.CancelFunc
	body    *requestBody // nil without one
	node    *node        // nil before one was found
	idle    *idle        // nil before the answer began, and over a wire
	file    *Handover    // asked for by the application
	told    told

	// Over a wire.
	life   context.Context // of the pool
	until  time.Time       // the end of all, unless zero
	wire   *wire           // nil without one
	holder *node           // whose it is
	leave  [2]func() bool  // undo what lets it end with others
}

// end gives the server back.
func (x *exchange) end() {
	if x.idle != nil {
		x.idle.stop()
	}
	if x.body != nil {
		x.body.over.Store(true)
	}
	if x.node != nil {
		x.pool.release(x.node)
	}
}

// tripper sends requests to servers: the http.RoundTripper of the ReverseProxy.
type tripper struct{ pool *Pool }

// RoundTrip implements http.RoundTripper.
func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	resp, err := t.pool.trip(x, func(n *node) (*http.Response, error) {
		return n.transport.Load().RoundTrip(x.aimed(r, n.Server))
	})
	if err != nil {
		return nil, err
	}
	return x.begin(resp), nil
}

// trip sends the request to one server after the other until one answers, as the package comment says. try asks one.
func (p *Pool) trip(x *exchange, try func(*node) (*http.Response, error)) (*http.Response, error) {
	var tried []*node
	until := time.Now().Add(p.options().Config.Timeouts.Wait.D())
	var last error
	for {
		began := time.Now()
		n, err := p.acquire(x, tried, until)
		x.visitor.Trace.Queue += time.Since(began)
		if err != nil {
			if last != nil && errors.Is(err, errLast) {
				err = last
			}
			return nil, err
		}
		x.node = n
		x.visitor.Trace.Server = n.ID
		began = time.Now()
		resp, err := try(n)
		x.visitor.Trace.App += time.Since(began)
		if err == nil {
			p.answered(n, resp.StatusCode)
			return resp, nil
		}
		if x.over() || isTimeout(err) && !isDial(err) || x.body.failed() {
			return nil, err
		}
		p.broke(n, err)
		if !x.again(err) {
			return nil, err
		}
		p.meter.retry(n.ID)
		x.node = nil
		p.release(n)
		if last = err; !p.isDown(n) { // a server that is down is not chosen before it is back, and may be tried then
			tried = append(tried, n)
		}
	}
}

// over reports whether the exchange came to its end: the visitor has gone, the pool stops, or its time has passed.
func (x *exchange) over() bool {
	return x.ctx.Err() != nil || x.life.Err() != nil || !x.until.IsZero() && time.Now().After(x.until)
}

// again reports whether the request may go to another server.
func (x *exchange) again(err error) bool {
	return isDial(err) && x.body.untouched() || safe(x.request)
}

// aimed returns the request for one server. Its body is our own and not ReverseProxy's, which bears no second try.
func (x *exchange) aimed(r *http.Request, s Server) *http.Request {
	out := *r
	if r.Body != nil && x.body != nil {
		out.Body = x.body
	}
	u := *r.URL
	u.Scheme, u.Host = s.Scheme, urlHost(s)
	out.URL = &u
	return &out
}

// urlHost is what stands for a server in a URL, where the path of a socket cannot.
func urlHost(s Server) string {
	if s.Network == "unix" {
		return "socket"
	}
	return s.Address
}

func isDial(err error) bool {
	var d *dialError
	return errors.As(err, &d)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// begin watches an answer for pauses.
func (x *exchange) begin(resp *http.Response) *http.Response {
	x.idle = newIdle(x.pool.options().Config.Timeouts.Idle.D(), x.cancel)
	if both, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = &duplex{both, x.idle}
		return resp
	}
	resp.Body = &answerBody{resp.Body, x.idle}
	return resp
}

// rewrite sets what the application gets to know; ReverseProxy has removed hop-by-hop fields before.
func rewrite(pr *ProxyRequest) {
	x, _ := pr.In.Context().Value(exchangeKey{}).(*exchange)
	out := pr.Out
	out.URL.RawQuery = pr.In.URL.RawQuery // as it came: what it means is the application's to say
	out.URL.Scheme, out.URL.Host = "http", "app"
	out.Trailer = nil // some servers mix them with the header
	// ReverseProxy took these away; a trusted proxy may keep its own
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		out.Header.Del(name)
	}
	CleanHeader(out.Header, x.visitor.Trusted)
	x.visitor.tell(out.Header, requestID(pr.In.Context()), &x.told)
	if c := x.pool.options().Config.Sticky; c != "" {
		dropCookie(out.Header, c)
	}
}

// dropCookie removes one cookie, which is ours and not the application's business.
func dropCookie(h http.Header, name string) {
	lines := h["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ";") {
			if n, _, _ := strings.Cut(strings.TrimSpace(part), "="); n != name && n != "" {
				kept = append(kept, strings.TrimSpace(part))
			}
		}
	}
	if h.Del("Cookie"); len(kept) > 0 {
		h.Set("Cookie", strings.Join(kept, "; "))
	}
}
