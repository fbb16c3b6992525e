package relay

import (
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
	serial uint64 // unlike that of any other; 0 when there is none
	parse  []byte // the body of its Parse without the name
	lost   bool   // that is not known any more: only a server that has the statement can use it
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
			u.drop(1)
		}
		u.before = append(u.before, u.now)
	} else if u.now.parse != nil {
		u.spare = u.now.parse
	}
	u.now = unnamed{serial: serial}
	if serial != 0 {
		u.now.parse, u.spare = u.spare[:0], nil
	}
	return &u.now
}

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

// prove notes that a server has accepted what made a statement the unnamed one; 0 if what took it away.
func (u *unnamedStatements) prove(serial uint64) {
	if serial == u.now.serial {
		u.drop(len(u.before))
	} else if serial != 0 {
		u.drop(max(u.find(serial), 0))
	}
}

func (u *unnamedStatements) find(serial uint64) int {
	return slices.IndexFunc(u.before, func(b unnamed) bool { return b.serial == serial })
}

// restore takes back a statement that was skipped: the one that there was before it stands.
func (u *unnamedStatements) restore(serial, prior uint64) {
	if u.now.serial != serial {
		if i := u.find(serial); i >= 0 && serial != 0 {
			u.before = slices.Delete(u.before, i, i+1)
		}
		return
	}
	i := u.find(prior)
	if prior == 0 || i < 0 {
		u.now = unnamed{serial: prior, lost: true, verdict: verdict{words: Set}}
		return
	}
	u.now = u.before[i]
	u.before[i] = unnamed{}
	u.before = u.before[:i]
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
	s.group |= touched
	e := s.queue.push(o, f|touches)
	e.prior = c.unnamed.now.serial
	return e
}

// unsure reports whether nobody knows which unnamed statement there is: answers before a Sync are still to come, and after it
// it was not changed.
func (s *Server) unsure() bool { return s.touches > 0 && s.group&touched == 0 }

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
	s.group |= touched
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
		c.unnamed.restore(e.serial, e.prior)
	default:
		c.unnamed.restore(e.serial, 0)
	}
}
