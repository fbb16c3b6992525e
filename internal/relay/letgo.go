package relay

import (
	"slices"
	"strings"
)

// remains are the questions that tell whether anything of a client's is left on its server: the answer has a row when there is.
// They are for the words of a text that let go of one thing, where nobody can tell from the words whether it was the last.
// PostgreSQL 13 and later understand them, whatever the client's search_path is.
var remains = [...]struct { //nolint:gochecknoglobals // a table
	pin Words
	sql string
}{
	{Listen, "SELECT FROM pg_catalog.pg_listening_channels() LIMIT 1"},
	{Temp, "SELECT FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass" +
		" AND refobjid = pg_catalog.pg_my_temp_schema() LIMIT 1"},
	{Advisory, "SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() LIMIT 1"},
	{Hold, "SELECT FROM pg_catalog.pg_cursors WHERE is_holdable LIMIT 1"},
	{Prepare, "SELECT FROM pg_catalog.pg_prepared_statements WHERE from_sql OR NOT pg_catalog.starts_with(name, '" + prefix + "') LIMIT 1"},
	{SetConfig | Set, "SELECT FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) WHERE pg_catalog.current_setting('role') <> 'none'" +
		" OR pg_catalog.pg_get_userbyid(usesysid) <> session_user"}, // what RESET ALL leaves alone
}

// Question returns, once after a text that may have let go of what pins the client, the statements that tell whether
// anything of it remains; "" when there is nothing to ask. They are run by [Server.Ask] while the server is settled, and their end
// is told by Answered. A client that is pinned by what nothing but its leaving lets go of is not asked about.
func (c *Client) Question() string {
	if !c.letting || c.left > 0 {
		return ""
	}
	c.letting = false
	if c.pins == 0 || c.mode == Session {
		return ""
	}
	asked := Listen | Temp | Advisory | Hold | Prepare
	if c.resets {
		asked |= SetConfig | Set
	}
	if c.pins&^asked != 0 {
		return ""
	}
	var sql []string
	for _, r := range remains {
		if c.pins&r.pin != 0 {
			sql = append(sql, r.sql)
		}
	}
	return strings.Join(sql, ";")
}

// Answered notes what the server said to the Question, unless it failed: the client is then pinned as before.
func (c *Client) Answered() {
	s := c.server
	if s.failed != "" {
		return
	}
	left := slices.Clone(s.found)
	for _, r := range remains {
		if c.pins&r.pin == 0 {
			continue
		}
		if len(left) == 0 {
			return
		}
		if !left[0] {
			c.pins &^= r.pin
			s.dirty = true
		}
		left = left[1:]
	}
}

// counts notes whether a statement of ours had rows.
func (s *Server) counts(tag []byte) { s.found = append(s.found, string(tag) != "SELECT 0") }

// mayLetGo notes that a text is being sent which may let go of what pins the client.
func (c *Client) mayLetGo(w Words) {
	if w&(letting|lets|barriers) != 0 {
		c.letting = true
	}
}

// pin pins the client to its server.
func (c *Client) pin(w Words) {
	c.pins |= w
	if w&(SetConfig|Set) != 0 {
		c.resets = false
	}
}
