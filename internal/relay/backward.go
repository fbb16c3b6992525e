package relay

import (
	"encoding/binary"

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
		n := min(s.left, len(in)-taken)
		switch {
		case n > 0:
			s.left -= n
		case in[taken] == byte(pgwire.DataRow):
			n = s.rows(c, in[taken:])
			s.hide = false
		}
		if n == 0 {
			if n, err = s.next(c, in[taken:], o); n == 0 || err != nil {
				return taken, err
			}
		}
		if !s.hide {
			o.keep(taken, taken+n)
		}
		taken += n
		if s.left == 0 {
			s.finish(c, o)
		}
	}
	return taken, nil
}

// rows returns how many bytes at the beginning of in are whole rows that the client is to have. Of most of what servers say
// nothing else has to be known.
func (s *Server) rows(c *Client, in []byte) (n int) {
	head := s.queue.first()
	if c == nil || head == nil || !runs(head.op) || head.flags&hidden != 0 || s.doubtful > 0 {
		return 0
	}
	for len(in)-n >= pgwire.HeaderSize && in[n] == byte(pgwire.DataRow) {
		size := 1 + int(binary.BigEndian.Uint32(in[n+1:]))
		if size < pgwire.HeaderSize || size > len(in)-n {
			break
		}
		n += size
	}
	return n
}

// reply is one message of a server, of which perhaps only the beginning is there.
type reply struct {
	typ   pgwire.BackendType
	size  int
	bytes []byte
}

func (r *reply) body() []byte { return r.bytes[pgwire.HeaderSize:] }

// enough reports whether as much of the message is there as has to be looked at.
func (r *reply) enough(head *entry) bool {
	switch r.typ {
	case pgwire.ParameterDescription:
		return len(r.bytes) == r.size || head == nil || head.flags&tried == 0
	case pgwire.RowDescription:
		return len(r.bytes) == r.size || head == nil || head.flags&learns == 0 || r.size > maxWhole
	case pgwire.ReadyForQuery, pgwire.ParameterStatus, pgwire.ErrorResponse:
		return len(r.bytes) == r.size || r.size > maxWhole
	case pgwire.CommandComplete:
		return len(r.bytes) == r.size || r.size > maxTag
	}
	return true
}

// next judges the message at the beginning of in and returns how many of its bytes are there, 0 if too few.
func (s *Server) next(c *Client, in []byte, o *Out) (int, error) {
	if len(in) < pgwire.HeaderSize {
		return 0, nil
	}
	typ, size, err := pgwire.Header(in)
	if err != nil {
		return 0, err
	}
	r := reply{typ: pgwire.BackendType(typ), size: size, bytes: in[:min(len(in), size)]}
	if !r.enough(s.queue.first()) {
		return 0, nil
	}
	s.hide = c == nil
	if err := s.reply(c, &r, o); err != nil {
		return 0, err
	}
	s.left = size - len(r.bytes)
	return len(r.bytes), nil
}

// reply checks that a message can be an answer to what was asked, and notes what it says.
func (s *Server) reply(c *Client, r *reply, o *Out) error {
	head := s.queue.first()
	var kind op
	if head != nil {
		kind = head.op
		s.hide = s.hide || head.flags&hidden != 0
	}
	var ok bool
	switch r.typ {
	case pgwire.DataRow, pgwire.BackendCopyData, pgwire.BackendCopyDone, pgwire.CopyOutResponse, pgwire.CopyBothResponse:
		ok = runs(kind)
	case pgwire.CommandComplete, pgwire.EmptyQueryResponse:
		if ok = runs(kind); ok {
			s.complete(c, r, head)
		}
	case pgwire.ReadyForQuery:
		return s.ready(c, r, head)
	case pgwire.RowDescription, pgwire.NoData:
		ok = kind == opQuery && r.typ == pgwire.RowDescription || s.answers(kind, opDescribe)
		s.described(c, r, head, o)
	case pgwire.ParameterDescription:
		ok = kind == opDescribe
		s.holdBack(r, head)
	case pgwire.ParseComplete:
		ok = head != nil && head.flags&poison == 0 && s.answers(kind, opParse)
		s.parsed(head)
	case pgwire.BindComplete:
		ok = s.answers(kind, opBind)
		s.proved(head)
	case pgwire.CloseComplete:
		ok = s.answers(kind, opClose)
	case pgwire.PortalSuspended:
		ok = s.answers(kind, opExecute)
		c.suspended(head)
	case pgwire.CopyInResponse:
		if ok = runs(kind); ok {
			s.beginCopyIn(kind)
		}
	case pgwire.FunctionCallResponse:
		ok = kind == opFunction
		c.called(head)
	case pgwire.ErrorResponse:
		err := s.fail(c, r, head, o)
		s.advise(c, r, o)
		return err
	case pgwire.NoticeResponse, pgwire.NotificationResponse: // they answer nothing
		s.hide = c == nil && (!s.heard || r.typ == pgwire.NoticeResponse)
		return nil
	case pgwire.ParameterStatus:
		return s.parameter(c, r)
	}
	if !ok {
		return s.outOfStep(byte(r.typ))
	}
	if s.doubtful > 0 && !s.copying {
		s.doubtful = 0 // this answers what came after them
	}
	return nil
}

// runs reports whether rows and the end of a command are answers to a message.
func runs(kind op) bool { return kind == opQuery || kind == opExecute }

// answers notes that a message is all of the answer, or its end, if that is of the kind that is waited for.
func (s *Server) answers(kind, want op) bool {
	s.done = kind == want
	return s.done
}

// finish ends a message that is there to its last byte. Only now its answer leaves the queue: until then nothing of ours may
// be put between.
func (s *Server) finish(c *Client, o *Out) {
	if s.done {
		s.done = false
		s.touch(c, s.queue.first())
		s.queue.pop()
	}
	for head := s.queue.first(); head != nil; head = s.queue.first() {
		switch {
		case head.op == opCopyEnd: // of a COPY that did not happen
			s.queue.pop()
		case head.flags&made != 0:
			if b := s.answerMade(o.buffer()); c != nil {
				o.put(b)
			}
		default:
			return
		}
	}
}

// touch notes the unnamed statement that the server has after an answer.
func (s *Server) touch(c *Client, e *entry) {
	if e.flags&touches == 0 {
		return
	}
	s.standing = e.serial
	if c != nil && e.flags&hidden == 0 {
		c.unnamed.prove(e.serial)
	}
}

// answerMade appends the answers at the head of the queue that are ours.
func (s *Server) answerMade(dst []byte) []byte {
	for head := s.queue.first(); head != nil && head.flags&made != 0; head = s.queue.first() {
		if head.op == opParse {
			dst = pgwire.AppendBare(dst, pgwire.ParseComplete)
		} else {
			dst = pgwire.AppendBare(dst, pgwire.CloseComplete)
		}
		s.queue.pop()
	}
	return dst
}

// complete handles the end of a command.
func (s *Server) complete(c *Client, r *reply, head *entry) {
	head.flags |= begun
	s.done = head.op == opExecute
	if c != nil && head.words&several == 0 {
		c.did(head.words, false)
	}
	if s.copying { // all Syncs before the end of the data were ignored
		s.copying, s.copyIn, s.doubtful = false, false, 0
	}
	if r.typ != pgwire.CommandComplete || len(r.bytes) != r.size {
		return
	}
	tag := pgwire.ParseCommandTag(r.body())
	if head.op == opQuery && head.flags&hidden != 0 {
		s.counts(tag)
	}
	s.tag(c, tag, head)
	if c != nil && c.observer != nil && head.flags&hidden == 0 {
		c.observer.End(head.note, tag, nil)
	}
}

// tag notes what a command did to the session.
func (s *Server) tag(c *Client, tag []byte, head *entry) {
	if c != nil && head.set != nil && (head.words&several == 0 || string(tag) == "SET" || string(tag) == "RESET") {
		made := *head.set
		head.set, made.next = made.next, nil
		c.pending, c.rolled = append(c.pending, made), false
	}
	if c != nil && !reads(tag) {
		c.Counters.Writes++
		s.odd = s.odd || reshapes(tag)
	}
	switch string(tag) {
	case "DISCARD ALL":
		s.reset()
		if c != nil {
			c.discarded(s)
		}
	case "RESET":
		if c != nil && c.mode == Session {
			c.reverted = true
		}
	case "DEALLOCATE ALL":
		s.statements.clear()
		if c != nil {
			c.forgetNames()
		}
	case "DEALLOCATE":
		if c != nil && head.name != "" {
			c.forget(head.name)
		}
	case "COMMIT", "ROLLBACK", "SAVEPOINT":
		if c != nil {
			c.boundary(s, tag)
		}
	}
}

// ready handles ReadyForQuery, which ends a Query, a FunctionCall or a Sync and nothing else.
func (s *Server) ready(c *Client, r *reply, head *entry) error {
	status, err := pgwire.ParseReady(r.body())
	if err != nil {
		return err
	}
	switch {
	case head != nil && (head.op == opSync || head.flags&begun != 0 && (head.op == opQuery || head.op == opFunction)):
		s.touch(c, head)
		if c != nil && head.words&several != 0 {
			c.did(head.words, false)
		}
		s.countSync(head.flags, -1)
		s.queue.pop()
	case s.doubtful > 0: // a Sync was not ignored after all
		s.doubtful--
		s.skip, s.hide = false, c == nil
	default:
		return s.outOfStep(byte(r.typ))
	}
	s.status, s.copyIn, s.copying = status, false, false
	if status == pgwire.Idle {
		s.portals++
		s.odd = false
	}
	if c != nil && !s.hide {
		c.ready(s, status)
	}
	return nil
}

// parameter handles a ParameterStatus.
func (s *Server) parameter(c *Client, r *reply) error {
	name, value, err := pgwire.ParseParameterStatus(r.body())
	if err != nil {
		return err
	}
	s.hide = c == nil
	was := s.params
	s.params = s.table.With(was, name, value)
	if c == nil {
		return nil
	}
	wanted := c.want
	if c.want = s.params; wanted != c.params {
		c.want = s.table.With(wanted, name, value)
	}
	c.params = s.params
	return nil
}
