package relay

import (
	"bytes"

	"holdfast/internal/pgwire"
)

// maxTag is the longest body of a CommandComplete that is looked at; those that matter are short.
const maxTag = 64

// Backward takes bytes that came from the client's server, collects those for the client in o, and returns how many it
// took; the rest has to be given again, with more. An error means that client and server have to be closed.
func (c *Client) Backward(in []byte, o *Out) (taken int, err error) {
	return c.server.backward(c, in, o)
}

func (s *Server) backward(c *Client, in []byte, o *Out) (taken int, err error) {
	o.begin(in)
	for taken < len(in) {
		if s.left > 0 {
			n := min(s.left, len(in)-taken)
			if !s.hide {
				o.keep(taken, taken+n)
			}
			s.left -= n
			taken += n
			continue
		}
		if len(in)-taken < pgwire.HeaderSize {
			break
		}
		typ, size, err := pgwire.Header(in[taken:])
		if err != nil {
			return taken, err
		}
		r := reply{typ: pgwire.BackendType(typ), size: size, bytes: in[taken:min(len(in), taken+size)]}
		if !r.enough() {
			break
		}
		s.hide = c == nil
		made := s.queue.size
		if err := s.reply(c, r, o); err != nil {
			return taken, err
		}
		n := len(r.bytes)
		if !s.hide {
			o.keep(taken, taken+n)
		}
		s.left = size - n
		taken += n
		if s.queue.size != made {
			s.madeReplies(c, o)
		}
	}
	return taken, nil
}

// reply is one message of a server, of which perhaps only the beginning is there.
type reply struct {
	typ   pgwire.BackendType
	size  int
	bytes []byte
}

func (r *reply) body() []byte { return r.bytes[pgwire.HeaderSize:] }

// enough reports whether as much of the message is there as has to be looked at.
func (r *reply) enough() bool {
	switch r.typ {
	case pgwire.ReadyForQuery, pgwire.ParameterStatus, pgwire.ErrorResponse:
		return len(r.bytes) == r.size || r.size > maxWhole
	case pgwire.CommandComplete:
		return len(r.bytes) == r.size || r.size > maxTag
	}
	return true
}

// reply checks that a message can be an answer to what was asked, and notes what it says.
func (s *Server) reply(c *Client, r reply, o *Out) error {
	head := s.queue.first()
	kind := op(0)
	if head != nil {
		kind = head.op
		if head.flags&hidden != 0 {
			s.hide = true
		}
	}
	ok := true
	switch r.typ {
	case pgwire.DataRow, pgwire.BackendCopyData, pgwire.BackendCopyDone, pgwire.CopyOutResponse, pgwire.CopyBothResponse:
		ok = kind == opQuery || kind == opExecute
	case pgwire.CommandComplete, pgwire.EmptyQueryResponse:
		if ok = kind == opQuery || kind == opExecute; ok {
			s.complete(c, r, head)
		}
	case pgwire.ReadyForQuery:
		return s.ready(c, r, head)
	case pgwire.RowDescription:
		ok = kind == opQuery || s.popIf(kind == opDescribe)
	case pgwire.NoData:
		ok = s.popIf(kind == opDescribe)
	case pgwire.ParameterDescription:
		ok = kind == opDescribe
	case pgwire.ParseComplete:
		ok = s.popIf(kind == opParse)
	case pgwire.BindComplete:
		ok = s.popIf(kind == opBind)
	case pgwire.CloseComplete:
		ok = s.popIf(kind == opClose)
	case pgwire.PortalSuspended:
		ok = s.popIf(kind == opExecute)
	case pgwire.CopyInResponse:
		ok = kind == opQuery || kind == opExecute
		s.beginCopyIn(kind)
	case pgwire.FunctionCallResponse:
		ok = kind == opFunction
	case pgwire.ErrorResponse:
		return s.fail(c, r, head, o)
	case pgwire.NoticeResponse, pgwire.NotificationResponse:
		s.hide = c == nil // they answer nothing
	case pgwire.ParameterStatus:
		return s.parameter(c, r)
	default:
		ok = false
	}
	if !ok {
		return s.outOfStep(byte(r.typ))
	}
	return nil
}

func (s *Server) popIf(ok bool) bool {
	if ok {
		s.queue.pop()
	}
	return ok
}

// complete handles the end of a command.
func (s *Server) complete(c *Client, r reply, head *entry) {
	if len(r.bytes) == r.size && r.typ == pgwire.CommandComplete {
		tag := pgwire.ParseCommandTag(r.body())
		s.tag(c, tag)
		if c != nil && c.observer != nil && head.flags&hidden == 0 {
			c.observer.End(head.note, tag, nil)
		}
	}
	if head.op == opExecute {
		s.queue.pop()
	}
}

// tag notes what a command did to the session.
func (s *Server) tag(c *Client, tag []byte) {
	if len(tag) == 0 {
		return
	}
	switch tag[0] {
	case 'D':
		if string(tag) == "DISCARD ALL" {
			s.reset()
			c.discarded()
		}
		if string(tag) == "DEALLOCATE ALL" {
			s.statements.clear()
			s.unnamed = 0
			c.forgetNames()
		}
	case 'R':
		if string(tag) == "ROLLBACK" && c != nil {
			c.rolledBack = true
		}
	case 'S':
		if string(tag) == "SAVEPOINT" && c != nil {
			c.savepoint = true
		}
	}
}

// ready handles ReadyForQuery, which ends a Query, a FunctionCall or a Sync and nothing else.
func (s *Server) ready(c *Client, r reply, head *entry) error {
	if head == nil || head.op != opQuery && head.op != opFunction && head.op != opSync {
		return s.outOfStep(byte(r.typ))
	}
	status, err := pgwire.ParseReady(r.body())
	if err != nil {
		return err
	}
	s.queue.pop()
	s.status, s.copyIn = status, false
	if status == pgwire.Idle {
		s.portals++
	}
	if c != nil {
		c.ready(s, status)
	}
	return nil
}

// ready notes what the end of a statement, and perhaps of a transaction, means for the client's state.
func (c *Client) ready(s *Server, status byte) {
	if status != pgwire.Idle {
		return
	}
	c.Counters.Transactions++
	if c.lets != 0 && !c.rolledBack {
		c.letGo()
	}
	if len(c.pending) > 0 {
		c.commit(s)
	}
	if c.reverted {
		c.params, c.reverted, c.unsettled = c.initial, false, true
	}
	c.lets, c.savepoint, c.rolledBack = 0, false, false
}

// letGo drops the pins that statements of the transaction let go of.
func (c *Client) letGo() {
	if c.lets&UnlistenAll != 0 {
		c.pins &^= Listen
	}
	if c.lets&UnlockAll != 0 {
		c.pins &^= Advisory
	}
	if c.lets&CloseAll != 0 {
		c.pins &^= Hold
	}
	if c.pins == 0 {
		c.server.dirty = true
	}
}

// commit takes over the settings that the transaction made. After savepoints nobody knows which of them stand.
func (c *Client) commit(s *Server) {
	switch {
	case c.savepoint:
		c.pins |= Set
	case !c.rolledBack:
		for _, a := range c.pending {
			c.assign(s, a)
		}
	}
	c.pending = c.pending[:0]
}

// assign notes that the session has been given a setting, or that one was undone: what the client asked for at log-in then
// stands again, and the server does not know that.
func (c *Client) assign(s *Server, a Assignment) {
	switch {
	case a.All:
		s.settings, c.settings, c.reverted = s.settings.with(a), c.startup, true
	case c.params.Reports(a.Name) && a.Set == "":
		c.reverted = true
	case c.params.Reports(a.Name):
	case a.Set == "":
		s.settings, c.settings = s.settings.with(a), c.settings.with(c.startup.named(a.Name))
	default:
		s.settings, c.settings = s.settings.with(a), c.settings.with(a)
	}
}

// discarded notes a DISCARD ALL of the client.
func (c *Client) discarded() {
	if c == nil {
		return
	}
	c.forgetNames()
	c.pins, c.settings, c.pending = 0, c.startup, nil
	c.unnamed.serial = 0
	c.reverted = true
}

func (c *Client) forgetNames() {
	if c == nil {
		return
	}
	for _, st := range c.names {
		c.registry.release(st)
	}
	clear(c.names)
}

// parameter handles a ParameterStatus.
func (s *Server) parameter(c *Client, r reply) error {
	name, value, err := pgwire.ParseParameterStatus(r.body())
	if err != nil {
		return err
	}
	same := c != nil && c.params == s.params
	s.params = s.table.With(s.params, name, value)
	s.hide = c == nil
	if same {
		c.params = s.params
	}
	return nil
}

// beginCopyIn handles the server's invitation to send COPY data: every Sync that was sent before the end of the data is
// ignored by it.
func (s *Server) beginCopyIn(kind op) {
	s.copyIn = true
	sawSync := false
	ended := s.queue.filter(1,
		func(e *entry) bool { return e.op == opCopyEnd },
		func(e *entry) bool { sawSync = sawSync || e.op == opSync; return e.op == opSync })
	if ended {
		s.copyIn = false
	} else if sawSync && kind == opExecute {
		s.open = true
	}
}

// madeReplies answers what stands at the head of the queue and is ours to answer.
func (s *Server) madeReplies(c *Client, o *Out) {
	for head := s.queue.first(); head != nil; head = s.queue.first() {
		switch {
		case head.flags&made != 0:
			s.hideOrPut(c, o)
		case head.op == opCopyEnd && !s.copyIn:
			s.queue.pop()
		default:
			return
		}
	}
}

func (s *Server) hideOrPut(c *Client, o *Out) { o.put(s.answerMade(c, o.buffer())) }

// answerMade appends the answers at the head of the queue that are ours.
func (s *Server) answerMade(c *Client, dst []byte) []byte {
	for head := s.queue.first(); head != nil && head.flags&made != 0; head = s.queue.first() {
		switch head.op {
		case opParse:
			dst = pgwire.AppendBare(dst, pgwire.ParseComplete)
		case opClose:
			dst = pgwire.AppendBare(dst, pgwire.CloseComplete)
			c.registry.release(head.stmt)
		default:
			dst = pgwire.AppendCommandComplete(dst, "DEALLOCATE")
		}
		s.queue.pop()
	}
	return dst
}

// cachedPlan is how PostgreSQL says that a statement has to be prepared anew.
func cachedPlan(body []byte) bool {
	return bytes.Contains(pgwire.NoticeField(body, 'M'), []byte("cached plan must not change result type"))
}
