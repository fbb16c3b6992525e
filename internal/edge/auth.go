package edge

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/upstream"
)

const (
	// maxVerdicts bounds the answers that one rule remembers.
	maxVerdicts = 10_000
	// maxAuthBody is how much of an answer's body is kept, in bytes.
	maxAuthBody = 64 << 10
)

// guard asks the application whether a request may pass.
type guard struct {
	rule AuthRule
	site *site

	mu    sync.Mutex // protects the following
	known map[[sha256.Size]byte]verdict
}

// verdict is what the application said.
type verdict struct {
	status int
	header http.Header
	body   []byte
	until  time.Time
}

func newGuard(rule AuthRule, s *site) *guard {
	return &guard{rule: rule, site: s, known: map[[sha256.Size]byte]verdict{}}
}

// guards reports whether paths that begin so may be guarded.
func (s *site) guards(prefix string) bool {
	return slices.ContainsFunc(s.auth, func(g *guard) bool {
		return strings.HasPrefix(g.rule.Path, prefix) || strings.HasPrefix(prefix, g.rule.Path)
	})
}

// asked lets requests for guarded paths pass only when the application says so. Every rule that matches is asked.
func (s *site) asked(next http.Handler) http.Handler {
	if len(s.auth) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths := readings(r.URL.Path)
		for _, g := range s.auth {
			if slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, g.rule.Path) }) && !g.pass(w, r) {
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// pass asks, and answers when the request may not go on.
func (g *guard) pass(w http.ResponseWriter, r *http.Request) bool {
	v := g.verdict(r)
	switch {
	case v.status >= 200 && v.status < 300:
		for _, name := range g.rule.Copy {
			if values := v.header.Values(name); len(values) > 0 {
				visitOf(r.Context()).Extra[http.CanonicalHeaderKey(name)] = values
			}
		}
		return true
	case v.status == http.StatusUnauthorized || v.status == http.StatusForbidden || v.status >= 300 && v.status < 400 && v.header.Get("Location") != "":
		for _, name := range []string{"Www-Authenticate", "Location", "Set-Cookie", "Content-Type"} {
			if values := v.header[name]; len(values) > 0 {
				w.Header()[name] = values
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(v.status)
		if r.Method != http.MethodHead {
			_, _ = w.Write(v.body) // the visitor is gone: nobody is left to tell
		}
		return false
	}
	g.site.refuse(w, r, upstream.Refusal{
		Status: http.StatusServiceUnavailable, Code: "auth_unavailable", Text: "It cannot be found out at the moment whether you may see this.",
		Retry: 5 * time.Second,
	})
	return false
}

// verdict returns what the application says, or said a moment ago.
func (g *guard) verdict(r *http.Request) verdict {
	key := g.key(r)
	if g.rule.Cache > 0 {
		g.mu.Lock()
		v, ok := g.known[key]
		g.mu.Unlock()
		if ok && time.Now().Before(v.until) {
			return v
		}
	}
	v := g.ask(r)
	if g.rule.Cache > 0 && (v.status < 300 || v.status == http.StatusForbidden || v.status == http.StatusUnauthorized) {
		v.until = time.Now().Add(g.rule.Cache.D())
		g.remember(key, v)
	}
	return v
}

func (g *guard) remember(key [sha256.Size]byte, v verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for old := range g.known { // in random order: some make room
		if len(g.known) < maxVerdicts {
			break
		}
		delete(g.known, old)
	}
	g.known[key] = v
}

// key is everything that an answer may depend on: who asks, and for what.
func (g *guard) key(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q", r.Method, r.Host, r.URL.RequestURI(), r.Header["Cookie"],
		r.Header["Authorization"], visitOf(r.Context()).Addr, visitOf(r.Context()).Proto))
}

// ask sends the question: the visitor's header without what belongs to its body, conditions or connection.
func (g *guard) ask(r *http.Request) verdict {
	v := visitOf(r.Context())
	asking := v.Visitor
	asking.Extra = v.Extra.Clone()
	if asking.Extra == nil {
		asking.Extra = http.Header{}
	}
	asking.Extra["X-Original-Uri"] = []string{r.URL.RequestURI()}
	asking.Extra["X-Original-Method"] = []string{r.Method}
	q := r.Clone(upstream.WithVisitor(context.WithoutCancel(r.Context()), &asking))
	ctx, cancel := context.WithCancel(q.Context())
	defer cancel()
	defer context.AfterFunc(r.Context(), cancel)()
	q = q.WithContext(ctx)
	q.Method, q.Body, q.ContentLength, q.TransferEncoding, q.Trailer = http.MethodGet, http.NoBody, 0, nil, nil
	q.URL = &url.URL{}
	if u, err := url.ParseRequestURI(g.rule.URL); err == nil {
		q.URL = u
	}
	for _, name := range []string{
		"Content-Length", "Content-Type", "Content-Encoding", "Expect", "Upgrade", "Connection", "Range", "If-Range", "If-Match",
		"If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Transfer-Encoding",
	} {
		q.Header.Del(name)
	}
	k := &keeper{header: http.Header{}}
	app := g.site.appFor(q)
	if app == nil {
		return verdict{status: http.StatusServiceUnavailable}
	}
	app.pool.ServeHTTP(k, q)
	if k.status == 0 {
		k.status = http.StatusOK
	}
	return verdict{status: k.status, header: k.header, body: k.body}
}

// keeper is a ResponseWriter that keeps an answer.
type keeper struct {
	header http.Header
	status int
	body   []byte
}

func (k *keeper) Header() http.Header { return k.header }

func (k *keeper) WriteHeader(status int) {
	if k.status == 0 && status >= 200 {
		k.status = status
	}
}

func (k *keeper) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	if room := maxAuthBody - len(k.body); room > 0 {
		k.body = append(k.body, b[:min(room, len(b))]...)
	}
	return len(b), nil
}
