package upstream

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/logging"
)

// ProxyRequest is a request as it came and as it goes out.
type ProxyRequest = httputil.ProxyRequest

// errHandover leads an answer that is a file of ours to fail, which may write another one.
var errHandover = errors.New("a file is sent in place of the answer")

func requestID(ctx context.Context) string { return logging.RequestID(ctx) }

// modify is what ReverseProxy calls.
func (p *Pool) modify(resp *http.Response) error {
	x, _ := resp.Request.Context().Value(exchangeKey{}).(*exchange)
	return p.amend(x, resp)
}

// amend looks at the header of an answer before it goes to the visitor.
func (p *Pool) amend(x *exchange, resp *http.Response) error {
	h := resp.Header
	x.visitor.Trace.DB = databaseTime(h.Values("Server-Timing"))
	h.Del(logging.RequestIDHeader) // ours stands, which is the same where the application echoes it
	target, raw := h.Get("X-Accel-Redirect"), false
	if target == "" {
		target, raw = h.Get("X-Sendfile"), true
	}
	unbuffered := strings.EqualFold(h.Get("X-Accel-Buffering"), "no")
	for _, name := range []string{
		"X-Accel-Redirect", "X-Sendfile", "X-Accel-Buffering", "X-Accel-Limit-Rate", "X-Accel-Charset", "X-Accel-Expires",
	} {
		h.Del(name)
	}
	p.stick(x, h)
	if target != "" && p.options().Handover != nil && resp.StatusCode < http.StatusMultipleChoices {
		x.file = &Handover{Target: target, Raw: raw, Header: h.Clone()}
		return errHandover
	}
	if resp.StatusCode == http.StatusSwitchingProtocols { // written to the connection as it is
		for name, values := range x.to.Header() {
			if _, ok := h[name]; !ok {
				h[name] = values
			}
		}
	}
	if unbuffered {
		resp.ContentLength = -1 // makes ReverseProxy flush each piece; the field stays
	}
	return nil
}

// stick sets the cookie that brings the visitor back.
func (p *Pool) stick(x *exchange, h http.Header) {
	name := p.options().Config.Sticky
	if name == "" || x.visitor.Shared || x.visitor.sticky == x.node.cookie {
		return
	}
	h.Add("Set-Cookie", (&http.Cookie{
		Name: name, Value: x.node.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: x.visitor.Proto == "https",
	}).String())
}

// stickyOf returns the value of the sticky cookie. One that names no server of ours is nothing.
func (p *Pool) stickyOf(x *exchange) string {
	if p.options().Config.Sticky == "" {
		return ""
	}
	return x.visitor.sticky
}

// fail is what ReverseProxy calls.
func (p *Pool) fail(_ http.ResponseWriter, out *http.Request, err error) {
	x, _ := out.Context().Value(exchangeKey{}).(*exchange)
	p.failed(x, err)
}

// failed answers for the application, or with the file that it asked for.
func (p *Pool) failed(x *exchange, err error) {
	w, r := x.to, x.request
	if x.file != nil {
		x.end()
		x.node, x.idle = nil, nil // the server is free while the file is sent
		p.options().Handover(w, r, *x.file)
		return
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		p.tooLarge(w, r)
		return
	case x.body.failed() && r.Context().Err() == nil:
		p.options().Refuse(w, r, Refusal{http.StatusBadRequest, "body_broken", "The request ended before it was complete.", 0})
		return
	}
	refusal := p.refusal(x, err)
	if r.Context().Err() == nil {
		p.options().Log.WarnContext(r.Context(), "upstream failed", "server", x.visitor.Trace.Server, "code", refusal.Code, "error", err)
		p.meter.failure(refusal.Code)
	}
	p.options().Refuse(w, r, refusal)
}

// refusal finds the words for a failure.
func (p *Pool) refusal(x *exchange, err error) Refusal {
	switch {
	case errors.Is(err, errBusy):
		return Refusal{http.StatusServiceUnavailable, "app_busy", "The site has too much to do at the moment.", 2 * time.Second}
	case errors.Is(err, errNone):
		return Refusal{http.StatusServiceUnavailable, "app_down", "The site cannot be reached at the moment.", 5 * time.Second}
	case isDial(err):
		return Refusal{http.StatusServiceUnavailable, "app_down", "The site cannot be reached at the moment.", 5 * time.Second}
	case isTimeout(err) || errors.Is(err, context.DeadlineExceeded) || x.idle != nil && x.idle.fired.Load():
		return Refusal{http.StatusGatewayTimeout, "app_timeout", "The site took too long to answer.", 10 * time.Second}
	}
	return Refusal{http.StatusBadGateway, "app_broke_off", "The site did not answer as it should.", 5 * time.Second}
}

// databaseTime reads the metric "db" of Server-Timing (W3C Server Timing), in milliseconds, or what Rails calls it.
func databaseTime(lines []string) time.Duration {
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name = strings.TrimSpace(name); name != "db" && name != "sql.active_record" {
			continue
		}
		for p := range strings.SplitSeq(params, ";") {
			if text, ok := strings.CutPrefix(strings.TrimSpace(p), "dur="); ok {
				if ms, err := strconv.ParseFloat(text, 64); err == nil && ms >= 0 && ms < 1e9 {
					return time.Duration(ms * float64(time.Millisecond))
				}
			}
		}
	}
	return 0
}
