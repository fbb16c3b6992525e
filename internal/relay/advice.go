package relay

import "holdfast/internal/pgwire"

// advise adds the hint that the client's Advice has for an error which comes without one.
func (s *Server) advise(c *Client, r *reply, o *Out) {
	if c == nil || c.advice == nil || s.hide || len(r.bytes) < r.size {
		return
	}
	n, err := pgwire.ParseNotice(r.body())
	if err != nil || n.Hint != "" {
		return
	}
	if n.Hint = c.advice(&n); n.Hint != "" {
		s.hide = true
		o.put(pgwire.AppendError(o.buffer(), n))
	}
}
