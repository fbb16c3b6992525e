package relay

import (
	"slices"
	"strings"

	"holdfast/internal/pgwire"
)

// Settle returns the statements that make a server's session the client's, "" when it is that already. They are run by
// [Server.Ask] before Attach, which must not follow if they fail.
func (c *Client) Settle(s *Server) string {
	if c.want == s.params && c.settings.equal(s.settings) {
		return ""
	}
	var sql []string
	for _, a := range slices.Backward(s.settings.all()) {
		if !c.settings.has(a) {
			sql = append(sql, a.Undo)
		}
	}
	for _, p := range c.want.All() {
		if now, ok := s.params.Get(p.Name); ok && now != p.Value && Follows(p.Name) {
			sql = append(sql, setConfig(p.Name, p.Value))
		}
	}
	for _, a := range c.settings.all() {
		if !s.settings.has(a) {
			sql = append(sql, a.Set)
		}
	}
	return strings.Join(sql, ";")
}

// Unsettled reports, once, that the client's own statement made its server's session differ from what it asked for at log-in:
// Settle has to be run again before its next message.
func (c *Client) Unsettled() bool {
	was := c.unsettled
	c.unsettled = false
	return was && c.server != nil
}

// Resettled notes that what Settle returned was run on the client's own server.
func (c *Client) Resettled() { c.takeOver(c.server) }

// Attach gives the client a server, which was settled for it. What the server reports and the client does not know is
// put into Local.
func (c *Client) Attach(s *Server) {
	c.takeOver(s)
	c.server, s.heard = s, true
	if c.mode == Session {
		s.dirty = true
	}
}

// takeOver notes that a server has the client's settings, and tells the client what it reports.
func (c *Client) takeOver(s *Server) {
	s.settings, c.want, c.unsettled = c.settings, s.params, false
	if c.params == s.params {
		return
	}
	for _, p := range s.params.All() {
		if known, ok := c.params.Get(p.Name); !ok || known != p.Value {
			c.local = pgwire.AppendParameterStatus(c.local, p.Name, p.Value)
		}
	}
	c.params = s.params
}

// Detach takes the server from the client. It is for the caller to know that the server is settled, or to close it.
func (c *Client) Detach() *Server {
	s := c.server
	if s != nil && c.pins != 0 {
		s.dirty = true
	}
	if s != nil {
		s.heard = false
	}
	c.server = nil
	return s
}
