package relay

import "holdfast/internal/pgwire"

// fail handles an ErrorResponse. In the extended protocol the server then ignores everything up to the next Sync, so what
// was asked up to there is never answered.
func (s *Server) fail(c *Client, r reply, head *entry, o *Out) error {
	body := r.body()
	severity := string(pgwire.NoticeField(body, 'V'))
	code := pgwire.NoticeField(body, 'C')
	if severity == "FATAL" || severity == "PANIC" {
		s.broken = true
	}
	if head == nil {
		if !s.broken {
			return s.outOfStep(byte(r.typ))
		}
		return nil
	}
	s.copyIn = false
	if c != nil {
		c.failed(head, code)
	}
	switch head.op {
	case opQuery:
		if head.flags&hidden != 0 {
			s.failed, s.failure = string(code), string(pgwire.NoticeField(body, 'M'))
		}
		return nil
	case opFunction, opSync:
		return nil
	}
	s.hide = c == nil
	if head.flags&poison != 0 && c != nil {
		s.hide = true
		o.put(append(o.buffer(), c.answer...))
		c.answer = nil
	}
	if head.stmt != nil && head.op == opBind && cachedPlan(body) {
		s.statements.spoil(head.stmt)
	}
	s.skipToSync(c)
	return nil
}

// failed notes an error that the client sees.
func (c *Client) failed(head *entry, code []byte) {
	if head.flags&hidden != 0 && head.op == opQuery {
		return
	}
	c.Counters.Errors++
	c.rolledBack = true
	if c.observer != nil && (head.op == opQuery || head.op == opExecute) {
		c.observer.End(head.note, nil, code)
	}
}

// skipToSync takes back what will not be answered.
func (s *Server) skipToSync(c *Client) {
	for {
		head := s.queue.first()
		if head == nil {
			s.skip = true
			return
		}
		if head.op == opSync {
			return
		}
		s.undo(c, *head)
		s.queue.pop()
	}
}

// undo takes back one message that failed or was ignored.
func (s *Server) undo(c *Client, e entry) {
	switch {
	case e.op == opParse && e.stmt == nil:
		s.unnamed = 0
		if c != nil && e.flags&hidden == 0 {
			c.unnamed.serial = 0
		}
	case e.op == opParse:
		if e.flags&made == 0 {
			s.statements.remove(e.stmt)
		}
		if e.name != "" && c != nil && c.names[e.name] == e.stmt {
			delete(c.names, e.name)
			c.registry.release(e.stmt)
		}
	case e.op == opClose && e.flags&hidden != 0:
		s.statements.add(e.stmt, s.portals) // it was not closed
	case e.op == opClose && e.flags&made != 0:
		c.undoClose(e)
	}
}

// undoClose gives the client back a statement whose Close was ignored.
func (c *Client) undoClose(e entry) {
	if c.names[e.name] != nil {
		c.registry.release(e.stmt)
		return
	}
	c.names[e.name] = e.stmt
}
