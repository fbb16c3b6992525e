package relay

import "holdfast/internal/pgwire"

// Refuse answers the client's next message with an error of ours, because there is no server for it, and leaves the
// connection in order: what belongs to the same request is dropped, and ReadyForQuery comes where PostgreSQL would send it. The
// answer is in Local. The client must not be attached; in must begin with the message for which Forward asked for a server.
func (c *Client) Refuse(in []byte, n pgwire.Notice) (taken int, err error) {
	if len(in) < pgwire.HeaderSize {
		return 0, nil
	}
	typ, size, err := pgwire.Header(in)
	if err != nil {
		return 0, err
	}
	c.Counters.Errors++
	copy(c.code[:], n.Code)
	c.local = pgwire.AppendError(c.local, n)
	switch pgwire.FrontendType(typ) {
	case pgwire.Query, pgwire.FunctionCall, pgwire.Sync:
		c.local = pgwire.AppendReadyForQuery(c.local, pgwire.Idle)
	default:
		c.refused = true
	}
	return c.ignore(message{in: in, size: size})
}

// afterRefusal drops what follows a refused message up to Sync, and answers that.
func (c *Client) afterRefusal(m message) (int, error) {
	if m.typ == pgwire.Sync {
		c.refused = false
		c.local = pgwire.AppendReadyForQuery(c.local, pgwire.Idle)
	}
	return c.ignore(m)
}
