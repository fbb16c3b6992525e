package relay

import (
	"bytes"

	"holdfast/internal/pgwire"
)

const (
	// maxWhole is the largest message in bytes that is read whole. A longer Parse pins its client instead.
	maxWhole = 1 << 20
	// maxNames is how far into a Bind its names may reach.
	maxNames = 1 << 15
)

// Forward takes bytes that came from the client, collects those for the server in o, and returns how many it took; the
// rest has to be given again, with more. ErrNeedServer and ErrTerminated come when all before them is taken.
// Other errors end the client's connection; a *pgwire.ProtocolError tells the client why.
func (c *Client) Forward(in []byte, o *Out) (taken int, err error) {
	o.begin(in)
	for taken < len(in) {
		if c.left > 0 {
			taken += c.goOn(in, taken, o)
			continue
		}
		if c.held() || len(in)-taken < pgwire.HeaderSize {
			break
		}
		typ, size, err := pgwire.Header(in[taken:])
		if err != nil {
			return taken, err
		}
		n, err := c.message(message{in: in, at: taken, typ: pgwire.FrontendType(typ), size: size}, o)
		if n == 0 || err != nil {
			return taken, err
		}
		taken += n
	}
	return taken, nil
}

// message is one message in the input, of which perhaps only the beginning is there.
type message struct {
	in       []byte
	at, size int
	typ      pgwire.FrontendType
}

// there returns how many bytes of the message are there.
func (m *message) there() int { return min(m.size, len(m.in)-m.at) }

func (m *message) whole() bool { return m.there() == m.size }

// body returns the body as far as it is there.
func (m *message) body() []byte { return m.in[m.at+pgwire.HeaderSize : m.at+m.there()] }

// goOn takes bytes of the message under way.
func (c *Client) goOn(in []byte, at int, o *Out) int {
	n := min(c.left, len(in)-at)
	if c.lexing {
		c.lex.feed(in[at : at+n])
	}
	if !c.drop {
		o.keep(at, at+n)
	}
	c.left -= n
	if c.left == 0 && c.lexing {
		c.lexing = false
		c.noteWords(c.lex.finish(), Assignment{})
	}
	return n
}

// held reports whether the next message has to wait for answers.
func (c *Client) held() bool {
	s := c.server
	switch {
	case s == nil || s.copyIn:
		return false
	case s.queue.empty():
		c.barrier = false
		return false
	}
	return c.barrier && !s.open || s.queue.size >= maxOwed && !s.open
}

// pass hands the message on as it is.
func (c *Client) pass(m message, o *Out) (int, error) {
	n := m.there()
	o.keep(m.at, m.at+n)
	c.left, c.drop = m.size-n, false
	return n, nil
}

// ignore drops the message.
func (c *Client) ignore(m message) (int, error) {
	n := m.there()
	c.left, c.drop = m.size-n, true
	return n, nil
}

func (c *Client) message(m message, o *Out) (int, error) {
	s := c.server
	switch m.typ {
	case pgwire.Terminate:
		return 0, ErrTerminated
	case pgwire.FrontendCopyData, pgwire.FrontendCopyDone, pgwire.CopyFail:
		return c.copyData(m, o)
	case pgwire.Query, pgwire.FunctionCall, pgwire.Sync, pgwire.Flush,
		pgwire.Parse, pgwire.Bind, pgwire.Describe, pgwire.Execute, pgwire.Close:
	default:
		return 0, &pgwire.ProtocolError{Reason: "invalid frontend message type " + m.typ.String()}
	}
	switch {
	case s == nil && c.refused:
		return c.afterRefusal(m)
	case s == nil && m.typ == pgwire.Flush:
		return c.ignore(m)
	case s == nil:
		return 0, ErrNeedServer
	case s.skip && m.typ != pgwire.Sync:
		return c.ignore(m)
	}
	return c.request(s, m, o)
}

// request handles a message that the server is to see.
func (c *Client) request(s *Server, m message, o *Out) (int, error) {
	switch m.typ {
	case pgwire.Sync:
		s.skip = false
		if !s.copyIn {
			s.open = false
			s.queue.push(entry{op: opSync})
		}
		return c.pass(m, o)
	case pgwire.Flush:
		return c.pass(m, o)
	case pgwire.FunctionCall:
		s.open = false
		s.queue.push(entry{op: opFunction})
		c.Counters.Queries++
		return c.pass(m, o)
	case pgwire.Query:
		return c.query(s, m, o)
	case pgwire.Execute:
		s.open = true
		s.queue.push(entry{op: opExecute, note: c.bound})
		c.Counters.Queries++
		return c.pass(m, o)
	}
	n, err := c.extended(s, m, o)
	if n > 0 {
		s.open = true
	}
	return n, err
}

// copyData handles data of a COPY. What comes when nobody takes it belongs to a COPY that failed.
func (c *Client) copyData(m message, o *Out) (int, error) {
	s := c.server
	if s == nil || s.skip || s.queue.empty() {
		return c.ignore(m)
	}
	if m.typ != pgwire.FrontendCopyData {
		if s.copyIn {
			s.copyIn = false
		} else {
			s.queue.push(entry{op: opCopyEnd})
		}
	}
	return c.pass(m, o)
}

// query handles a simple query.
func (c *Client) query(s *Server, m message, o *Out) (int, error) {
	if c.mode == Transaction && m.whole() {
		if n, ok := c.deallocate(s, m, o); ok {
			return n, nil
		}
	}
	s.open, s.unnamed, c.unnamed.serial = false, 0, 0
	c.Counters.Queries++
	e := entry{op: opQuery}
	if c.observer != nil {
		e.note = c.observer.Begin(bytes.TrimSuffix(m.body(), []byte{0}))
	}
	s.queue.push(e)
	if c.mode == Transaction {
		c.readWords(m)
	}
	return c.pass(m, o)
}

// readWords judges the text of a query, or begins to when it is not there whole.
func (c *Client) readWords(m message) {
	if c.lex == nil {
		c.lex = new(lexer)
	}
	c.lex.start()
	c.lex.feed(bytes.TrimSuffix(m.body(), []byte{0}))
	if !m.whole() {
		c.lexing = true
		return
	}
	words := c.lex.finish()
	var a Assignment
	if words&(Set|Reset) != 0 && c.lex.statements == 1 {
		if set, ok := parseSet(string(bytes.TrimSuffix(m.body(), []byte{0}))); ok {
			words, a = words&^(Set|Reset), set
		}
	}
	c.noteWords(words, a)
}

// noteWords notes what a statement that is being sent may do to the session.
func (c *Client) noteWords(w Words, a Assignment) {
	if w == 0 && a == (Assignment{}) {
		return
	}
	if w&barriers != 0 {
		c.barrier = true
	}
	if w&Set != 0 {
		c.pins |= Set
	}
	c.pins |= w & Pins
	c.lets |= w & (UnlistenAll | UnlockAll | CloseAll)
	if a.Name != "" || a.All {
		c.pending = append(c.pending, a)
	}
}
