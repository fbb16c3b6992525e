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
	shape  uint64 // of the result that the client was told it has, see shapeOf; 0: it was told none
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
	mine := own{name: string(p.Name), stmt: st, serial: c.registry.serials.Add(1)}
	c.remember(mine)
	if s.status != pgwire.InFailed && !s.pending() && s.statements.use(st, s.portals) != nil {
		e := s.queue.push(opParse, made)
		e.stmt, e.name, e.serial = st, mine.name, mine.serial
		c.standIn(s, o)
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

// standIn gives a server that may take COPY data by then something to read in the place of a message that it does not get. Any
// message but Sync, Flush and those of the COPY ends the COPY, and the session with it; without one both sides would wait for good: the client
// for the answer to its Sync, and the server, which ignores that, for data.
func (c *Client) standIn(s *Server, o *Out) {
	if s.copyIn || s.queue.find(0, opExecute, opQuery) < s.queue.size {
		s.queue.push(opClose, hidden)
		o.put(pgwire.AppendClose(o.buffer(), pgwire.TargetPortal, nobody))
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

// use is what a client's use of a named statement comes to.
type use struct {
	own
	node  *node
	as    string // the statement's name on the server; empty if the client's name is to be used: the server then says what it thinks of it
	flags flags  // of the entry
	wait  bool   // the message cannot be handed on yet
	told  bool   // the client is told that the result has changed
}

// ensure makes sure that the server has the statement of a name that a Bind or Describe of the client uses, no older than the client's own Parse
// of it, and with the result that the client knows. Where that shows only by and by, the use is tried.
func (c *Client) ensure(s *Server, name []byte, m message, o *Out) use {
	asked := s.asked
	if asked != nil && asked.shape == 0 {
		return use{wait: true}
	}
	s.asked = nil
	mine := c.names[string(name)]
	switch {
	case mine.stmt != nil:
	case ours(name):
		return use{own: own{name: string(name)}, as: nobody}
	default:
		return use{}
	}
	if f := c.fingerprint(); mine.stmt.settings != f {
		mine = c.again(mine, f)
	}
	u := use{own: mine, as: mine.stmt.Name, node: s.statements.use(mine.stmt, s.portals)}
	if mine.shape != 0 && m.typ == pgwire.Bind && s.status != pgwire.InFailed && (u.node == nil || u.node.shape != mine.shape) {
		u.own.shape = 0
		if !timeless(m.in[m.at:], mine.stmt.parse) {
			u.told = u.node != nil && u.node == asked
			u.wait = !u.told
		}
		if !u.wait {
			c.names[mine.name] = u.own // it learns what it is told next
		}
	}
	switch {
	case u.wait:
		c.ask(s, u.stmt, o)
	case u.told:
		c.refuse(s, pgwire.Statement{Name: name}, o)
		e := s.queue.last()
		if e.flags |= aged; c.observer != nil {
			e.note = c.observer.Begin(u.stmt.Text())
		}
	default:
		c.prove(s, &u, m, o)
	}
	return u
}

// prove makes sure that the server has a statement, no older than the client's own Parse of it.
func (c *Client) prove(s *Server, u *use, m message, o *Out) {
	switch {
	case u.node == nil:
		c.send(s, u.stmt, hidden, o)
	case u.node.fresh(u.serial, s.portals) || u.shape != 0 && u.shape == u.node.shape: // PostgreSQL says what is to be said
		if m.whole() && s.suits(m, u.stmt, maxSmall) {
			u.flags = s.try(u.node, false, o)
		}
	case s.status == pgwire.InFailed: // it is refused, whatever it is
	case !s.suits(m, u.stmt, maxTrial):
		c.send(s, u.stmt, hidden, o)
	case !m.whole():
		u.wait = true
	default:
		u.flags = s.try(u.node, true, o)
	}
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
