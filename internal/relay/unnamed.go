package relay

import "holdfast/internal/pgwire"

// maxSpare is the size in bytes above which the buffer of an unnamed statement is not used again for a smaller one.
const maxSpare = 1 << 16

// unnamed is an unnamed statement of a client.
type unnamed struct {
	serial uint64 // unlike that of any other; 0 when there is none
	parse  []byte // the body of its Parse without the name
	lost   bool   // that is not known any more: only a server that has the statement can use it
	verdict
}

// unnamedStatements are what the unnamed statement of a client is when all is done that it sent, and what it was before: errors
// take the last Parse back.
type unnamedStatements struct {
	now, before unnamed
	proven      uint64 // serial of the last one that a server accepted
}

// set makes another statement the unnamed one, to be completed by the caller. The one before is kept if it is known to stand.
func (u *unnamedStatements) set(serial uint64) *unnamed {
	if u.now.serial == 0 || u.now.serial == u.proven {
		u.now, u.before = u.before, u.now
	}
	spare := u.now.parse[:0]
	if cap(spare) > maxSpare {
		spare = nil
	}
	u.now = unnamed{serial: serial, parse: spare}
	return &u.now
}

// restore brings back the statement that there was before one that was skipped.
func (u *unnamedStatements) restore(prior uint64) {
	switch {
	case u.now.serial == prior:
	case prior != 0 && u.before.serial == prior:
		u.now, u.before = u.before, u.now
		u.before.serial = 0
	default:
		u.now.serial, u.now.lost, u.now.verdict = prior, true, verdict{words: Set}
	}
}

// parseUnnamed handles the Parse of the unnamed statement, which is there whole.
func (c *Client) parseUnnamed(s *Server, m message, p pgwire.Statement, o *Out) (int, error) {
	e := c.touch(s, opParse, 0)
	e.serial = c.registry.serials.Add(1)
	u := c.unnamed.set(e.serial)
	s.unnamed = e.serial
	c.Counters.ServerParses++
	if name, ok := c.deallocates(p.Query); ok {
		u.verdict = verdict{words: Deallocate, drops: name}
		u.parse = appendParseRest(u.parse, pgwire.Statement{Query: []byte(deallocateSpare), OIDs: p.OIDs})
		o.put(appendParse(o.buffer(), "", u.parse))
		return m.size, nil
	}
	u.verdict = c.judge(p.Query)
	u.parse = append(u.parse, m.body()[1:]...)
	return c.pass(m, o)
}

// parseLarge handles the Parse of an unnamed statement that is too large to be remembered: it can be used as long as the
// client keeps its server. Its text is judged as it passes.
func (c *Client) parseLarge(s *Server, m message, o *Out) (int, error) {
	e := c.touch(s, opParse, 0)
	e.serial = c.registry.serials.Add(1)
	u := c.unnamed.set(e.serial)
	u.lost = true
	s.unnamed = e.serial
	c.Counters.ServerParses++
	c.readWords(m, 1)
	return c.pass(m, o)
}

// touch expects the answer to something that changes the unnamed statement.
func (c *Client) touch(s *Server, o op, f flags) *entry {
	e := s.queue.push(o, f|touches)
	e.prior = c.unnamed.now.serial
	return e
}

// closeUnnamed handles the Close of the unnamed statement.
func (c *Client) closeUnnamed(s *Server, m message, o *Out) (int, error) {
	c.touch(s, opClose, 0)
	c.unnamed.set(0)
	s.unnamed = 0
	return c.pass(m, o)
}

// ensureUnnamed makes sure that the server's unnamed statement is the client's, and none if the client has none: another client
// may have left one there.
func (c *Client) ensureUnnamed(s *Server, o *Out) {
	u := &c.unnamed.now
	if s.unnamed == u.serial {
		return
	}
	if u.serial == 0 || u.lost {
		e := s.queue.push(opClose, hidden|touches)
		e.prior, u.serial = u.serial, 0
		s.unnamed = 0
		o.put(pgwire.AppendClose(o.buffer(), pgwire.TargetStatement, ""))
		return
	}
	e := s.queue.push(opParse, hidden|touches)
	e.serial, e.prior = u.serial, u.serial
	s.unnamed = u.serial
	o.put(appendParse(o.buffer(), "", u.parse))
	c.Counters.ServerParses++
}

// undoUnnamed takes back what changes the unnamed statement. A Parse that was tried and failed has removed it.
func (s *Server) undoUnnamed(c *Client, e *entry, skipped bool) {
	if !skipped {
		s.standing = 0
	}
	switch {
	case c == nil || e.flags&hidden != 0:
	case skipped:
		c.unnamed.restore(e.prior)
	default:
		c.unnamed.now.serial = 0
	}
}
