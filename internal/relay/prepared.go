package relay

import (
	"bytes"

	"holdfast/internal/pgwire"
)

// prefix begins the names of statements on servers.
const prefix = "holdfast_"

const (
	// refused is the name under which a Parse of a name that exists is refused.
	refused = prefix + "!"
	// nobody is a name that neither a statement nor a portal has.
	nobody = prefix + "?"
)

// ours reports whether a client uses a name that belongs to us: it must not reach the statements of others.
func ours(name []byte) bool { return bytes.HasPrefix(name, []byte(prefix)) }

// own is a statement under the client's name.
type own struct {
	name   string
	stmt   *Statement
	serial uint64 // of the Parse that made it
}

// remember gives the client a statement, whose reference becomes the client's.
func (c *Client) remember(o own) {
	if c.names == nil {
		c.names = map[string]own{}
	}
	c.names[o.name] = o
}

// forget takes a statement from the client.
func (c *Client) forget(name string) {
	if o, ok := c.names[name]; ok {
		delete(c.names, name)
		c.registry.release(o.stmt)
	}
}

func (c *Client) forgetNames() {
	for _, o := range c.names {
		c.registry.release(o.stmt)
	}
	clear(c.names)
	clear(c.texts.named)
}

// fingerprint tells apart the settings that statements are prepared under.
func (c *Client) fingerprint() uint64 { return c.settings.planning() ^ c.params.parsing() ^ c.twist }

// pending reports whether an answer is still to come that tells the state of the transaction.
func (s *Server) pending() bool {
	return s.queue.find(0, opSync, opQuery) < s.queue.size || s.queue.find(0, opFunction, opFunction) < s.queue.size
}

// parseNamed handles the Parse of a named statement, which the server may have already. In a transaction that has failed the
// server is given it all the same, to refuse it.
func (c *Client) parseNamed(s *Server, p pgwire.Statement, o *Out) {
	s.group |= changed
	if _, taken := c.names[string(p.Name)]; taken {
		c.refuse(s, p, o)
		return
	}
	st := c.registry.intern(p, c.fingerprint(), c.judge)
	c.parses++
	mine := own{string(p.Name), st, c.parses}
	c.remember(mine)
	if s.status != pgwire.InFailed && !s.pending() && s.statements.use(st, s.portals) {
		e := s.queue.push(opParse, made)
		e.stmt, e.name, e.serial = st, mine.name, mine.serial
		c.answerMade(s)
		return
	}
	e := c.send(s, st, 0, o)
	e.name, e.serial = mine.name, mine.serial
}

// answerMade answers what stands at the head of the queue and is ours to answer, unless an answer of the server is under way.
func (c *Client) answerMade(s *Server) {
	if s.left == 0 {
		c.local = s.answerMade(c.local)
	}
}

// send gives the server a statement. It is closed first: nobody knows what stands under that name after errors.
func (c *Client) send(s *Server, st *Statement, f flags, o *Out) *entry {
	s.group |= changed
	b := o.buffer()
	again := flags(0)
	if s.statements.byName[st] != nil {
		s.statements.remove(st)
		again = evicts
	}
	for old := s.statements.oldest(s.portals); old != nil; old = s.statements.oldest(s.portals) {
		b = s.closeHidden(b, old, evicts)
		s.statements.remove(old)
	}
	b = s.closeHidden(b, st, again)
	s.statements.add(st, s.portals)
	o.put(appendParse(b, st.Name, st.parse))
	c.Counters.ServerParses++
	e := s.queue.push(opParse, f)
	e.stmt = st
	return e
}

func (s *Server) closeHidden(b []byte, st *Statement, f flags) []byte {
	s.queue.push(opClose, hidden|f).stmt = st
	return pgwire.AppendClose(b, pgwire.TargetStatement, st.Name)
}

// refuse lets the server refuse the Parse of a name that the client has already: it gets it under a name that is taken. So
// it fails as it would have, for that reason or another one, and with it the transaction.
func (c *Client) refuse(s *Server, p pgwire.Statement, o *Out) {
	s.queue.push(opClose, hidden)
	s.queue.push(opParse, hidden)
	s.queue.push(opParse, poison).name = string(p.Name)
	b := pgwire.AppendClose(o.buffer(), pgwire.TargetStatement, refused)
	b = pgwire.AppendParse(b, refused, "", nil)
	o.put(pgwire.AppendStatement(b, refused, p))
}

// ensure makes sure that the server has the statement of a name that the client uses, and returns its name there; that is empty if the client's name is to be used: the server then says what it thinks of it.
func (c *Client) ensure(s *Server, name []byte, o *Out) (own, string) {
	mine := c.names[string(name)]
	if mine.stmt == nil {
		if ours(name) {
			return own{name: string(name)}, nobody
		}
		return own{}, ""
	}
	if f := c.fingerprint(); mine.stmt.settings != f {
		mine = c.again(mine, f)
	}
	if !s.statements.use(mine.stmt, s.portals) {
		c.send(s, mine.stmt, hidden, o)
	}
	return mine, mine.stmt.Name
}

// again prepares a statement anew under settings that have changed since, as PostgreSQL itself does in time. Under the old ones
// other clients have it, for whom it must stay what it was.
func (c *Client) again(mine own, settings uint64) own {
	old := mine.stmt
	mine.stmt = c.registry.again(old, settings)
	c.registry.release(old)
	c.names[mine.name] = mine
	return mine
}
