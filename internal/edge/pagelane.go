package edge

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"unsafe"

	"holdfast/internal/httpcache"
	"holdfast/internal/lane"
	"holdfast/internal/throttle"
	"holdfast/internal/upstream"
)

// pageLane answers on the event loops what the page cache has for everybody: hits that are fresh. It goes the way that the package comment draws,
// and leaves to net/http whatever would have to be refused, asked, or waited for on it.
type pageLane struct {
	*site
	removed, removedBehind func(name string) bool // what applications never see of a visitor's fields, and of those that a proxy sends
}

// newPageLane returns nil where there is no page cache.
func newPageLane(s *site) *pageLane {
	if s.pages == nil {
		return nil
	}
	return &pageLane{
		site:          s,
		removed:       func(name string) bool { return upstream.Removes(name, false) },
		removedBehind: func(name string) bool { return upstream.Removes(name, true) },
	}
}

// answer answers a request that is none of our own routes'.
func (p *pageLane) answer(f *front, q *lane.Request, r *lane.Reply) lane.Verdict {
	path, ok := f.onlyReading(q.Path)
	if !ok || p.guarded(path) {
		return lane.NotMine
	}
	host := view(q.Host)
	app := p.appAt(host, path)
	if app == nil {
		return lane.NotMine
	}
	v := p.visitor(q, host)
	if p.ambiguous(v.Host, host, path, app) {
		return lane.NotMine
	}
	g := httpcache.Guest{Scheme: v.Proto, Host: v.Host, Path: path, Removed: p.removed}
	if v.Trusted {
		g.Removed = p.removedBehind
	}
	found, ok := p.pages.cache.Find(q, &g)
	if !ok || !p.throttle.Pass(throttle.Request{Path: []string{path}, Method: q.Method, Addr: v.Addr}) {
		return lane.NotMine
	}
	found.Give(r)
	r.Route = app.name
	if f.access {
		v.Host = strings.Clone(v.Host)
		r.Note = &visit{Visitor: v, host: strings.Clone(host), path: strings.Clone(path), app: true, cache: string(httpcache.Hit)}
	}
	p.policy.add(r, v.Proto == "https")
	return lane.Answered
}

// visitor is who asks. A proxy's word is read from its fields only if the proxy is a trusted one.
func (p *pageLane) visitor(q *lane.Request, host string) upstream.Visitor {
	from := q.Peer.Addr().WithZone("")
	if !p.trust.Holds(from) {
		return upstream.Visitor{Addr: from, Proto: "http", Host: host}
	}
	h := http.Header{}
	for name, value := range q.All() {
		if len(name) > len("X-Forwarded-") && strings.EqualFold(view(name[:len("X-Forwarded-")]), "X-Forwarded-") {
			h.Add(string(name), string(value))
		}
	}
	return p.trust.Tell(from, "http", host, h)
}

// onlyReading decodes a path that everybody reads in the same way, and that belongs to none of our routes however it is read.
func (f *front) onlyReading(escaped []byte) (string, bool) {
	path := view(escaped)
	if f.ours(path) {
		return "", false
	}
	if bytes.IndexByte(escaped, '%') >= 0 {
		decoded, err := url.PathUnescape(path)
		if err != nil || f.ours(decoded) || strings.ContainsAny(decoded, `\`) || strings.Contains(decoded, "//") {
			return "", false
		}
		return decoded, clean(decoded)
	}
	return path, !strings.Contains(path, "/.") || clean(path)
}

// ours reports whether the mux may have something for a path: a route, or a redirect to one.
func (f *front) ours(path string) bool {
	for _, r := range f.routes {
		if strings.HasPrefix(path, r.prefix) || len(r.prefix) == len(path)+1 && strings.HasPrefix(r.prefix, path) {
			return true
		}
	}
	return false
}

// view returns bytes as a text without copying them: it must not be kept.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
