package relay

// This file is for those who look at what clients and servers have and did.

// Binds returns how often clients have bound the statement by a name.
func (s *Statement) Binds() int64 { return s.binds.Load() }

// Statements returns how many named statements the client has, as far as they are known: in session mode its server alone
// knows them.
func (c *Client) Statements() int { return len(c.names) }

// EachStatement calls f with every named statement of the client.
func (c *Client) EachStatement(f func(*Statement)) {
	for _, o := range c.names {
		f(o.stmt)
	}
}

// EachStatement calls f with every statement that the server has for clients.
func (s *Server) EachStatement(f func(*Statement)) {
	for st := range s.statements.byName {
		f(st)
	}
}

// LastError returns the SQLSTATE of the last error that the client got, of which Counters.Errors tells the number.
func (c *Client) LastError() string { return string(c.code[:]) }
