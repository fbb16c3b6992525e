package relay

import (
	"bytes"
	"slices"

	"holdfast/internal/pgwire"
)

const (
	// maxSpare is the size in bytes above which a buffer is not kept for later use.
	maxSpare = 1 << 13
	// maxBefore is how many unnamed statements are kept that errors may bring back.
	maxBefore = 8
)

// unnamed is an unnamed statement of a client.
type unnamed struct {
	serial uint64 // unlike that of any other; 0 when there never was one
	parse  []byte // the body of its Parse without the name
	lost   bool   // that is not known: only a server that has the statement can use it
	keeps  bool   // and the client keeps that server until it has
	none   bool   // the statement before it was taken away
	slash  bool   // backslashes were escapes when it was judged
	verdict
}

// unnamedStatements are what the unnamed statement of a client is when all is done that it sent, and what it was before: what is
// skipped because of an error changes nothing.
type unnamedStatements struct {
	now    unnamed
	before []unnamed // the newest last
	spare  []byte
}

// set makes another statement the unnamed one, to be completed by the caller.
func (u *unnamedStatements) set(serial uint64) *unnamed {
	if u.now.serial != 0 {
		if len(u.before) == maxBefore {
			u.drop(1) // when all of these are skipped, there seems to have been none
		}
		u.before = append(u.before, u.now)
	}
	u.now = unnamed{serial: serial, parse: u.spare[:0]}
	u.spare = nil
	return &u.now
}

// absent reports whether there is no unnamed statement.
func (u *unnamedStatements) absent() bool { return u.now.serial == 0 || u.now.none }

// drop forgets the n oldest ones.
func (u *unnamedStatements) drop(n int) {
	if n == 0 {
		return
	}
	if b := u.before[n-1].parse; cap(b) <= maxSpare {
		u.spare = b
	}
	kept := copy(u.before, u.before[n:])
	clear(u.before[kept:])
	u.before = u.before[:kept]
}

// prove notes that a server has accepted what made a statement the unnamed one, or took it away.
func (u *unnamedStatements) prove(serial uint64) {
	if serial == u.now.serial {
		u.drop(len(u.before))
	} else {
		u.drop(max(u.find(serial), 0))
	}
}

func (u *unnamedStatements) find(serial uint64) int {
	return slices.IndexFunc(u.before, func(b unnamed) bool { return b.serial == serial })
}

// skip takes back what was skipped: the statement that there was before it stands.
func (u *unnamedStatements) skip(serial uint64) {
	switch i, n := u.find(serial), len(u.before); {
	case serial == 0:
	case i >= 0:
		u.before = slices.Delete(u.before, i, i+1)
	case u.now.serial != serial:
	case n == 0:
		u.now = unnamed{}
	default:
		u.now = u.before[n-1]
		u.before[n-1] = unnamed{}
		u.before = u.before[:n-1]
	}
}

// fail notes that a Parse has failed: it has taken the statement before it away.
func (u *unnamedStatements) fail(serial uint64) {
	if i := u.find(serial); i >= 0 {
		u.before[i] = unnamed{serial: serial, none: true}
		u.drop(i)
		return
	}
	if u.now.serial == serial {
		u.drop(len(u.before))
		u.now = unnamed{}
	}
}

// parseUnnamed handles the Parse of the unnamed statement, which is there whole.
func (c *Client) parseUnnamed(s *Server, m message, p pgwire.Statement, o *Out) (int, error) {
	var known verdict
	again := c.unnamed.now.slash == c.params.backslashes() && bytes.Equal(c.unnamed.now.parse, m.body()[1:])
	if again {
		known = c.unnamed.now.verdict
	}
	u := c.touch(s, opParse)
	c.Counters.ServerParses++
	u.slash = c.params.backslashes()
	if name, ok := c.deallocates(p.Query); ok {
		u.verdict = verdict{words: Deallocate, drops: name}
		u.parse = appendParseRest(u.parse, pgwire.Statement{Query: []byte(deallocateSpare), OIDs: p.OIDs})
		o.put(appendParse(o.buffer(), "", u.parse))
		return m.size, nil
	}
	if u.verdict = known; !again {
		u.verdict = c.judge(p.Query)
	}
	u.parse = append(u.parse, m.body()[1:]...)
	return c.pass(m, o)
}

// parseLarge handles the Parse of an unnamed statement that is too large to be remembered: the client keeps its server until
// it has bound it once. Its text is judged as it passes.
func (c *Client) parseLarge(s *Server, m message, o *Out) (int, error) {
	u := c.touch(s, opParse)
	u.lost, u.keeps = true, true
	c.Counters.ServerParses++
	c.readWords(m, 1)
	return c.pass(m, o)
}

// touch expects the answer to a message that makes another statement the unnamed one, to be completed by the caller.
func (c *Client) touch(s *Server, o op) *unnamed {
	s.group |= touched
	e := s.queue.push(o, touches)
	e.serial = c.registry.serials.Add(1)
	s.unnamed = e.serial
	return c.unnamed.set(e.serial)
}

// untouch expects the answer to a message that takes the unnamed statement away.
func (c *Client) untouch(s *Server, o op) *entry {
	if !c.unnamed.absent() || len(c.unnamed.before) > 0 {
		c.touch(s, o).none = true
		return s.queue.last()
	}
	s.group |= touched
	s.unnamed = 0
	return s.queue.push(o, touches)
}

// unsure reports whether nobody knows which unnamed statement there is: answers before a Sync are still to come, and after it
// it was not changed.
func (s *Server) unsure() bool { return s.touches > 0 && s.group&touched == 0 }

// closeUnnamed handles the Close of the unnamed statement.
func (c *Client) closeUnnamed(s *Server, m message, o *Out) (int, error) {
	c.untouch(s, opClose)
	return c.pass(m, o)
}

// bindUnnamed does what ensureUnnamed does, for a Bind.
func (c *Client) bindUnnamed(s *Server, o *Out) {
	c.unnamed.now.keeps = false
	c.ensureUnnamed(s, o)
}

// ensureUnnamed makes sure that the server's unnamed statement is the client's, and none if the client has none: another client
// may have left one there.
func (c *Client) ensureUnnamed(s *Server, o *Out) {
	u := &c.unnamed.now
	if s.unnamed == u.serial || s.unnamed == 0 && u.none {
		return
	}
	s.group |= touched
	if c.unnamed.absent() || u.lost {
		u.none = true
		s.queue.push(opClose, hidden|touches)
		s.unnamed = 0
		o.put(pgwire.AppendClose(o.buffer(), pgwire.TargetStatement, ""))
		return
	}
	s.queue.push(opParse, hidden|touches).serial = u.serial
	s.unnamed = u.serial
	o.put(appendParse(o.buffer(), "", u.parse))
	c.Counters.ServerParses++
}

// undoUnnamed takes back what changes the unnamed statement. A Parse that was tried and failed has removed it.
func (s *Server) undoUnnamed(c *Client, e *entry, skipped bool) {
	if !skipped {
		s.standing = 0
	}
	if c == nil || e.flags&hidden != 0 {
		return
	}
	if skipped {
		c.unnamed.skip(e.serial)
	} else {
		c.unnamed.fail(e.serial)
	}
}
