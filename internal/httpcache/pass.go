package httpcache

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// pass hands a request to the application as if there was no cache.
func (c *Cache) pass(w http.ResponseWriter, r *http.Request, rule *rule, said string) {
	c.tell(r.Context(), rule, Pass)
	p := &passWriter{ResponseWriter: w, said: said}
	c.opts.Next.ServeHTTP(p, r)
	p.end()
}

func (v *visitor) pass(said string) { v.c.pass(v.w, v.r, v.id.rule, said) }

// passOther hands over a request with another method than GET and HEAD. One that may have changed something removes what is stored (RFC 9111
// section 4.4).
func (c *Cache) passOther(w http.ResponseWriter, r *http.Request, s *settings) {
	c.tell(r.Context(), s.rule(r.URL.Path), Pass)
	p := &passWriter{ResponseWriter: w, said: "fwd=method"}
	if r.Method != http.MethodOptions && r.Method != http.MethodTrace {
		p.changed = func(h http.Header) { c.changed(s, r, h) }
	}
	c.opts.Next.ServeHTTP(p, r)
	p.end()
}

// changed removes the address of a request that changed something, and what its answer names on the same host. It is removed before the
// visitor hears of the success.
func (c *Cache) changed(s *settings, r *http.Request, h http.Header) {
	scheme, host := c.opts.Site(r)
	base := &url.URL{Scheme: scheme, Host: host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	all := []*url.URL{base}
	for _, name := range []string{"Location", "Content-Location"} {
		if u, err := base.Parse(h.Get(name)); err == nil && h.Get(name) != "" && strings.EqualFold(u.Host, base.Host) {
			all = append(all, u)
		}
	}
	var addresses []string
	for _, u := range all {
		addresses = append(addresses, s.addresses(u)...)
	}
	c.removeAddresses(addresses)
	if c.opts.Changed == nil {
		return
	}
	var told []string
	for _, u := range all {
		if !s.bypassed(u.Path) {
			told = append(told, (&url.URL{Scheme: "https", Host: u.Host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String())
		}
	}
	c.opts.Changed(r.Context(), told)
}

// passWriter takes tags away from an answer, and says that it was not ours.
type passWriter struct {
	http.ResponseWriter
	said    string
	changed func(http.Header) // is told of an answer that is no error; may be nil
	began   bool
}

// WriteHeader implements http.ResponseWriter.
func (w *passWriter) WriteHeader(status int) {
	if !w.began && status >= http.StatusOK {
		w.began = true
		h := w.Header()
		takeTags(h)
		setStatus(h, w.said)
		if w.changed != nil && status < http.StatusBadRequest {
			w.changed(h)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// end begins the answer of a handler that said nothing.
func (w *passWriter) end() {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
}

// Write implements http.ResponseWriter.
func (w *passWriter) Write(b []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// ReadFrom keeps the way of a file to the connection short.
func (w *passWriter) ReadFrom(src io.Reader) (int64, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	return io.Copy(w.ResponseWriter, src)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *passWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
