package httpcache

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Result is what became of a request.
type Result string

// The results.
const (
	Hit         Result = "hit"         // stored, and fresh
	Stale       Result = "stale"       // stored, and given although it is stale
	Revalidated Result = "revalidated" // stored, and found fresh by asking
	Collapsed   Result = "collapsed"   // another visitor had asked
	Expired     Result = "expired"     // stored, and replaced because its time was over
	Miss        Result = "miss"        // not stored
	Pass        Result = "pass"        // not for the cache
)

func results() []Result { return []Result{Hit, Stale, Revalidated, Collapsed, Expired, Miss, Pass} }

// tell counts a request, and tells who wants to know.
func (c *Cache) tell(ctx context.Context, r *rule, result Result) {
	switch result {
	case Hit, Stale, Revalidated, Collapsed:
		r.count.hits.Add(1)
	case Expired, Miss:
		r.count.misses.Add(1)
	case Pass:
		r.count.passes.Add(1)
	}
	c.meter.count(result)
	c.opts.Observe(ctx, result)
}

func missOf(old *object) Result {
	if old != nil {
		return Expired
	}
	return Miss
}

// setStatus adds what we say about an answer to Cache-Status (RFC 9211), behind what caches before us have said.
func setStatus(h http.Header, said string) {
	before := h["Cache-Status"]
	h["Cache-Status"] = append(before[:len(before):len(before)], "holdfast; "+said)
}

// forwarded says why the application was asked.
func forwarded(old *object, known bool) string {
	switch {
	case old != nil:
		return "fwd=stale"
	case known:
		return "fwd=vary-miss"
	}
	return "fwd=uri-miss"
}

// ttl is how many seconds an object is still fresh; below zero it is stale.
func ttl(o *object, now time.Time) string {
	return strconv.FormatInt(int64(o.left(now)/time.Second), 10)
}
