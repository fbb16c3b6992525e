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
	f := c.launchBehind(o.slot, func() *flight { return c.newFlight(s, id, r, o, nil) })
	if f == nil {
		<-c.refresh
		return
	}
	_, _ = f.start() // when the cache stops nobody needs it
}
