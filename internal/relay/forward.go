package relay

import "holdfast/internal/pgwire"

const (
	// maxWhole is the size in bytes of the largest message that is read whole. A longer Parse of a name pins its client instead.
	maxWhole = 1 << 20
	// maxNames is how far into a Bind its names may reach.
	maxNames = 1 << 15
	// maxOwed bounds the answers that one server owes: a client that sends more without reading waits. Much less than that
	// fills PostgreSQL's output buffer, so it goes on answering without being told to.
	maxOwed = 1 << 14
)

// Forward takes bytes that came from the client, collects those for the server in o, and returns how many it took; the
// rest has to be given again, with more of them or after more answers. ErrNeedServer and ErrTerminated come when all before them
// is taken. Other errors end the client's connection; a *pgwire.ProtocolError tells the client why.
func (c *Client) Forward(in []byte, o *Out) (taken int, err error) {
	o.begin(in)
	taken, err = c.forward(in, o)
	if c.server != nil && c.server.trial.on {
		c.server.trial.record(o)
	}
	return taken, err
}

func (c *Client) forward(in []byte, o *Out) (taken int, err error) {
	for taken < len(in) {
		if c.left > 0 {
			taken += c.goOn(in, taken, o)
			continue
		}
		if len(in)-taken < pgwire.HeaderSize || c.held(o) {
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
		c.endLexing()
	}
	return n
}

// held reports whether the next message has to wait for answers.
func (c *Client) held(o *Out) bool {
	s := c.server
	switch {
	case s == nil || s.copyIn:
		return false
	case s.queue.empty():
		c.barrier = false
		return false
	case c.barrier && s.open && !s.flushed:
		s.flushed = true
		o.put(pgwire.AppendFlush(o.buffer())) // it would wait, too
	}
	return c.barrier || s.queue.size >= maxOwed
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
	case pgwire.Flush:
		if m.size != pgwire.HeaderSize {
			return 0, &pgwire.ProtocolError{Reason: "invalid Flush message"} // its error would answer nothing
		}
	case pgwire.Query, pgwire.FunctionCall, pgwire.Sync,
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
func (c *Client) request(s *Server, m message, o *Out) (n int, err error) {
	if s.trial.on && !s.joins(m, o) {
		return 0, nil
	}
	switch m.typ {
	case pgwire.Sync:
		return c.sync(s, m, o)
	case pgwire.Query:
		return c.query(s, m, o)
	case pgwire.Flush:
		s.flushed = true
		return c.pass(m, o)
	case pgwire.FunctionCall:
		if c.observer != nil && len(m.body()) < oidSize && !m.whole() {
			return 0, nil
		}
		s.dirty = s.dirty || s.open // PostgreSQL 18 is left in the middle of a transaction that it does not tell of
		s.open, s.flushed, s.used = false, false, false
		s.queue.push(opFunction, 0).note = c.calls(m)
		c.Counters.Queries++
		return c.pass(m, o)
	case pgwire.Execute:
		n, err = c.execute(s, m, o)
	case pgwire.Parse:
		n, err = c.parse(s, m, o)
	case pgwire.Bind:
		n, err = c.bind(s, m, o)
	case pgwire.Describe:
		n, err = c.describe(s, m, o)
	default:
		n, err = c.close(s, m, o)
	}
	if n > 0 {
		s.open, s.flushed = true, false
	}
	return n, err
}
