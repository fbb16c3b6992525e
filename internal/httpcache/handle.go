package httpcache

import (
	"net/http"
	"time"
)

// ServeHTTP answers from what is stored, or asks the application.
func (c *Cache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := c.settings.Load()
	switch {
	case isUpgrade(r):
		c.opts.Next.ServeHTTP(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		c.passOther(w, r, s)
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0 || s.bypassed(r.URL.Path):
		c.pass(w, r, s.rule(r.URL.Path), "fwd=bypass")
	default:
		v := &visitor{c: c, s: s, w: w, r: r, id: c.identify(s, r), wants: noDirectives(), until: c.now().Add(s.collapseWait)}
		if r.Header["Cache-Control"] != nil {
			v.wants = parseDirectives(r.Header)
		} else if s.clientDirectives && r.Header.Get("Pragma") == "no-cache" { // RFC 9111 section 5.4
			v.wants.noCache = true
		}
		v.serve()
	}
}

func isUpgrade(r *http.Request) bool {
	return r.Header["Upgrade"] != nil || r.Method == http.MethodConnect
}

// visitor is one request for what may be stored.
type visitor struct {
	c     *Cache
	s     *settings
	w     http.ResponseWriter
	r     *http.Request
	id    *identity
	wants directives
	until time.Time // when it has waited for long enough
}

// tries is how often a visitor looks again before it goes to the application by itself.
const tries = 4

// serve looks, and looks again when what it waited for was for somebody else.
func (v *visitor) serve() {
	for n := range tries {
		seen := v.c.store.changes.Load()
		if n == tries-1 {
			seen = -1
		}
		o, slot, known := v.c.store.find(v.id, v.r)
		if v.answered(o, slot, known, seen) {
			return
		}
	}
	v.pass("fwd=miss")
}

// answered answers, or reports false when it is worth another look. seen is what the store was like before; -1 after many looks.
func (v *visitor) answered(o *object, slot string, known bool, seen int64) bool {
	if o != nil && !o.isFor(v.id.cookie, v.id.auth) {
		o = nil
	}
	now := v.c.now()
	switch use := v.use(o, now); {
	case use == asIs:
		v.give(o, Hit, "hit; ttl="+ttl(o, now))
	case use == whileAsking:
		v.c.refreshBehind(v.s, v.id, v.r, o)
		v.give(o, Stale, "hit; ttl="+ttl(o, now)+"; detail=stale-while-revalidate")
	case use == asLastResort:
		v.c.refreshBehind(v.s, v.id, v.r, o)
		v.give(o, Stale, "hit; ttl="+ttl(o, now)+"; detail=stale-if-error")
	case v.wants.onlyIfCached:
		v.onlyIfCached()
	case !v.mayFly(o):
		v.pass(forwarded(o, known))
	default:
		return v.ask(o, slot, known, seen)
	}
	return true
}

// use is what a stored answer is good for.
type use uint8

const (
	notAtAll     use = iota
	asIs             // it is fresh
	whileAsking      // it is stale, and asked about behind
	asLastResort     // it is stale, and the application failed a moment ago
	onceAsked        // when the application says so
)

func (v *visitor) use(o *object, now time.Time) use {
	switch {
	case o == nil:
		return notAtAll
	case v.s.clientDirectives && v.wants.refuses(o, now):
		return onceAsked
	case o.fresh(now):
		return asIs
	case v.s.clientDirectives && v.wants.acceptsStale(o, now):
		return asIs
	case !v.id.nobodys():
		return notAtAll
	case o.staleWhile(now):
		return whileAsking
	case o.staleIfError(now) && v.c.failedLately(o.slot):
		return asLastResort
	}
	return onceAsked
}

// refuses reports whether a request wants a fresher answer (RFC 9111 section 5.2.1).
func (d directives) refuses(o *object, now time.Time) bool {
	return d.noCache || d.maxAge != absent && o.age(now) > d.maxAge && d.maxStale == absent && !d.anyStale ||
		d.minFresh != absent && o.left(now) < d.minFresh
}

// acceptsStale reports whether a request is content with an answer that is stale.
func (d directives) acceptsStale(o *object, now time.Time) bool {
	return !o.strict && (d.anyStale || d.maxStale != absent && -o.left(now) <= d.maxStale)
}

// mayFly reports whether others may get the answer to this request. Without a stored answer HEAD and Range are passed: what is asked for is
// less than what would be fetched.
func (v *visitor) mayFly(o *object) bool {
	if v.id.cookie || v.wants.noStore {
		return false
	}
	return o != nil || v.r.Method == http.MethodGet && v.r.Header["Range"] == nil
}

// onlyIfCached says that there is nothing (RFC 9111 section 5.2.1.7).
func (v *visitor) onlyIfCached() {
	v.c.tell(v.r.Context(), v.id.rule, Pass)
	setStatus(v.w.Header(), "detail=only-if-cached")
	v.w.Header().Set("Cache-Control", "no-store")
	http.Error(v.w, http.StatusText(http.StatusGatewayTimeout), http.StatusGatewayTimeout)
}

// isFor reports whether a stored answer may be given to who has a cookie or Authorization, or neither.
func (o *object) isFor(cookie, auth bool) bool {
	return !cookie && !auth || o.open && !(cookie && varies(o, "Cookie")) && !(auth && varies(o, "Authorization"))
}

func varies(o *object, name string) bool {
	for _, s := range o.selectors {
		if s == name {
			return true
		}
	}
	return false
}
