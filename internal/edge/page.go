package edge

import (
	"fmt"
	"html"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/logging"
	"holdfast/internal/upstream"
)

// pageText is the page of a refusal: words, the time to come back, and the id under which the log knows it.
const pageText = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%[1]d %[2]s</title>
<style>body{font:1.1rem/1.5 sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}small{color:#666}</style></head>
<body><h1>%[2]s</h1><p>%[3]s</p>%[4]s<p><small>%[1]d · request %[5]s</small></p></body></html>
`

// pagePolicy lets nothing into a page of ours but its style.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

// refuse answers for us or for an application that cannot: as a page for who accepts HTML, else as JSON. No cache keeps it.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, f upstream.Refusal) {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Etag", "Last-Modified", "Set-Cookie"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	if f.Retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.Retry.Seconds()))))
	}
	if acceptsHTML(r.Header.Values("Accept")) {
		s.writePage(w, r, f)
		return
	}
	body := control.Body(fault.New(kindOf(f.Status), f.Code, "%s", f.Text), logging.RequestID(r.Context()))
	control.WriteJSON(w, f.Status, struct {
		Error control.ErrorBody `json:"error"`
	}{body})
}

func (s *site) writePage(w http.ResponseWriter, r *http.Request, f upstream.Refusal) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	again := ""
	if f.Retry > 0 {
		again = "<p>Please try again in " + plainTime(f.Retry) + ".</p>"
	}
	page := fmt.Sprintf(pageText, f.Status, http.StatusText(f.Status), html.EscapeString(f.Text), again,
		html.EscapeString(logging.RequestID(r.Context())))
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(page)) // the visitor is gone: nobody is left to tell
	}
}

func plainTime(d time.Duration) string {
	if d <= time.Second {
		return "a moment"
	}
	return (d + time.Second - 1).Truncate(time.Second).String()
}

// acceptsHTML reports whether a browser asks, or something that says it likes HTML.
func acceptsHTML(accept []string) bool {
	return strings.Contains(strings.ToLower(strings.Join(accept, ",")), "text/html")
}

// kindOf is the kind of failure that a status stands for.
func kindOf(status int) fault.Kind {
	switch {
	case status == http.StatusNotFound:
		return fault.NotFound
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.Denied
	case status == http.StatusTooManyRequests || status >= http.StatusInternalServerError:
		return fault.Unavailable
	}
	return fault.Usage
}

// isMissing reports whether the mux has nothing for a request: neither a route nor a redirect or a 405 of its own.
func isMissing(h http.Handler, r *http.Request) bool {
	probe := statusProbe{header: http.Header{}}
	h.ServeHTTP(&probe, r)
	return probe.status == http.StatusNotFound
}

// statusProbe finds out what a handler of the mux's own would say.
type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }
