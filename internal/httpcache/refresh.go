package httpcache

import "net/http"

// refreshBehind has the application asked about a stored answer while visitors get the answer as it is. If too many are asked about
// already, another visitor has to come.
func (c *Cache) refreshBehind(s *settings, id *identity, r *http.Request, o *object) {
	select {
	case c.refresh <- struct{}{}:
	default:
		return
	}
	f, mine := c.join(o.slot, c.store.changes.Load(), func() *flight {
		f := c.newFlight(s, id, r, o, nil)
		f.behind = true
		return f
	})
	if f != nil && !mine {
		f.leave() // it joined only by accident
	}
	if !mine {
		<-c.refresh
		return
	}
	_, _ = f.start() // when the cache stops nobody needs it
}
