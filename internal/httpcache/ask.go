package httpcache

import (
	"context"
	"net/http"
)

// request is what the application is asked: the leader's request without what would make the answer one for the leader alone.
func (f *flight) request(ctx context.Context) *http.Request {
	ctx = context.WithValue(ctx, flightKey{}, f)
	if ctx.Value(http.ServerContextKey) == nil { // by this ReverseProxy tells an answer that broke off from one that is whole
		ctx = context.WithValue(ctx, http.ServerContextKey, &http.Server{}) //nolint:gosec // it serves nothing
	}
	r := f.asking.WithContext(ctx)
	r.Method = http.MethodGet
	r.Body, r.ContentLength = http.NoBody, 0
	r.Header = f.asking.Header.Clone()
	for _, name := range []string{
		"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Cache-Control", "Pragma",
	} {
		r.Header.Del(name)
	}
	if !f.id.cookie {
		r.Header.Del("Cookie") // what is left are ignored ones
	}
	if r.Header.Del("Accept-Encoding"); f.id.coding != "" {
		r.Header.Set("Accept-Encoding", f.id.coding)
	}
	u := *f.asking.URL
	u.RawQuery = f.id.rule.query(u.RawQuery)
	r.URL = &u
	r.RequestURI = u.RequestURI()
	if f.old != nil {
		if etag := f.old.header.Get("Etag"); etag != "" {
			r.Header.Set("If-None-Match", etag)
		}
		if changed := f.old.header.Get("Last-Modified"); changed != "" {
			r.Header.Set("If-Modified-Since", changed)
		}
	}
	return r
}
