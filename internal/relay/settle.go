package relay

import (
	"slices"
	"strings"

	"holdfast/internal/pgwire"
)

// Settle returns the statements that make a server's session the client's, "" when it is that already. They are run by
// [Server.Ask] before Attach, which must not follow if they fail.
func (c *Client) Settle(s *Server) string {
	if c.want == s.params && c.settings.equal(s.settings) && !c.reverted {
		return ""
	}
	if s == c.server && c.mode == Session {
		c.reverted = c.reverted && c.lacks(s)
		return c.restore()
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
	if restore := c.restore(); restore != "" {
		sql = append(sql, restore)
	}
	return strings.Join(sql, ";")
}

// restore returns the statement that makes what the client asked for at log-in, of what was reset, the session's again: to PostgreSQL
// itself that is what RESET leads to. The session knows what the client has set since.
func (c *Client) restore() string {
	if !c.reverted {
		return ""
	}
	var values []string
	add := func(name, value string) {
		values = append(values, "("+quoteText(strings.ToLower(name))+", "+quoteText(value)+")")
	}
	for _, p := range c.initial.All() {
		if Follows(p.Name) {
			add(p.Name, p.Value)
		}
	}
	for _, a := range c.startup.all() {
		add(a.Name, a.value)
	}
	if len(values) == 0 {
		return ""
	}
	return "SELECT pg_catalog.set_config(v.name, v.value, false) FROM (VALUES " + strings.Join(values, ", ") + ") AS v (name, value)" +
		" LEFT JOIN pg_catalog.pg_settings AS s ON pg_catalog.lower(s.name) = v.name WHERE CASE WHEN s.name IS NULL" + // of an application
		" THEN pg_catalog.current_setting(v.name, true) = '' ELSE s.source <> 'session' AND s.setting <> v.value END"
}

// Unsettled reports, once, that the client's own statement made its server's session differ from what it asked for at log-in:
// Settle has to be run again before its next message.
func (c *Client) Unsettled() bool {
	was := c.unsettled
	c.unsettled = false
	return was && c.server != nil
}

// lacks reports whether a session may lack something that the client asked for at log-in. Most ask for what the server has anyway, and
// their drivers reset the session each time that they give a connection back.
func (c *Client) lacks(s *Server) bool {
	if len(c.startup.all()) > 0 {
		return true
	}
	for _, p := range c.initial.All() {
		if now, ok := s.params.Get(p.Name); ok && now != p.Value && Follows(p.Name) {
			return true
		}
	}
	return false
}

// AskOwn is [Server.Ask] for the client's own server and what Settle returned. In session mode, in which nobody remembers it, the unnamed
// statement is left there.
func (c *Client) AskOwn(dst []byte, sql string) []byte {
	if c.mode == Session {
		return c.server.askBeside(dst, sql)
	}
	return c.server.Ask(dst, sql)
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
	s.settings, c.want, c.unsettled, c.reverted = c.settings, s.params, false, false
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
