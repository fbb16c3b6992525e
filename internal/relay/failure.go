package relay

import (
	"bytes"
	"strings"

	"holdfast/internal/pgwire"
)

// SQLSTATEs that say something about a prepared statement.
const (
	noSuchStatement    = "26000"
	duplicateStatement = "42P05"
	notSupported       = "0A000"
	revalidate         = "RevalidateCachedQuery" // the routine that finds that a statement's result is another one now
	cachedPlanFailed   = "cached plan must not change result type"
)

// fail handles an ErrorResponse. In the extended protocol the server then ignores everything up to the next Sync, so what
// was asked up to there is never answered.
func (s *Server) fail(c *Client, r *reply, head *entry, o *Out) error {
	body := r.body()
	code := pgwire.NoticeField(body, 'C')
	if severity := string(pgwire.NoticeField(body, 'V')); severity == "FATAL" || severity == "PANIC" {
		s.broken = true
	}
	if head == nil {
		if !s.broken {
			return s.outOfStep(byte(r.typ))
		}
		return nil
	}
	if head.flags&aged != 0 {
		body = agedError(body)[pgwire.HeaderSize:]
		code = pgwire.NoticeField(body, 'C')
	}
	if c != nil && s.again(c, head, body, string(code)) {
		s.hide = true
		return nil
	}
	if s.copying {
		s.copyIn, s.copying = false, false
	} else {
		s.doubtful = 0
	}
	if c != nil {
		c.failed(head, code)
	}
	if c == nil && head.flags&hidden != 0 {
		s.failed, s.failure = string(code), pgwire.Notice{
			Severity: "ERROR", Code: string(code), Message: string(pgwire.NoticeField(body, 'M')),
			Detail: string(pgwire.NoticeField(body, 'D')), Hint: string(pgwire.NoticeField(body, 'H')),
		}
	}
	switch head.op {
	case opQuery:
		head.flags |= begun
		return nil
	case opFunction:
		head.flags |= begun
		return nil
	case opSync:
		return nil
	}
	s.hide = c == nil
	if c != nil {
		s.trial.tell(o)
	}
	if head.flags&aged != 0 && !s.hide {
		s.hide = true
		o.put(append(o.buffer(), agedError(body)...))
	} else if b, ok := renamed(o, body, head); ok && !s.hide {
		s.hide = true
		o.put(b)
	}
	s.heal(head, body, string(code))
	s.skipToSync(c)
	return nil
}

// renamed appends an error that names a statement of ours with the client's name instead, and reports whether it is such a one.
func renamed(o *Out, body []byte, head *entry) ([]byte, bool) {
	if head.name == "" {
		return nil, false
	}
	n, err := pgwire.ParseNotice(body)
	if err != nil {
		return nil, false
	}
	before, mine := n.Message, `"`+head.name+`"`
	for _, name := range []string{refused, nobody, spare} {
		n.Message = strings.ReplaceAll(n.Message, `"`+name+`"`, mine)
	}
	if head.stmt != nil {
		n.Message = strings.ReplaceAll(n.Message, `"`+head.stmt.Name+`"`, mine)
	}
	if n.Message == before {
		return nil, false
	}
	return pgwire.AppendError(o.buffer(), n), true
}

// heal strikes a statement off the server's list when the error says that the list is wrong, or that the statement has to be
// prepared anew.
func (s *Server) heal(head *entry, body []byte, code string) {
	if head.stmt == nil || head.op != opBind && head.op != opDescribe {
		return
	}
	switch code {
	case noSuchStatement:
		s.statements.remove(head.stmt)
	case notSupported:
		if cachedPlan(body) {
			s.outdated(head.stmt)
		}
	}
}

// cachedPlan is how PostgreSQL says that a statement has to be prepared anew.
func cachedPlan(body []byte) bool {
	return string(pgwire.NoticeField(body, 'R')) == revalidate ||
		bytes.Contains(pgwire.NoticeField(body, 'M'), []byte(cachedPlanFailed))
}

// failed notes an error that the client sees.
func (c *Client) failed(head *entry, code []byte) {
	c.Counters.Errors++
	copy(c.code[:], code)
	c.failing = true
	if head.words&several == 0 { // else at its end
		c.did(head.words, true)
	}
	if c.observer == nil || head.flags&hidden != 0 {
		return
	}
	switch {
	case head.op == opQuery, head.op == opBind, head.op == opExecute, head.op == opFunction, head.flags&aged != 0:
		c.observer.End(head.note, nil, code)
	}
}

// skipToSync takes back what will not be answered: what failed, and what was sent after it up to a Sync. The newest is taken
// back first.
func (s *Server) skipToSync(c *Client) {
	n := s.queue.find(0, opSync, opSync)
	for i := n - 1; i >= 0; i-- {
		s.undo(c, s.queue.at(i), i > 0)
	}
	s.queue.drop(n)
	s.trial.end()
	s.asked = nil
	s.unnamed = s.standing
	s.skip = s.queue.empty()
}

// undo takes back one message that failed or was skipped.
func (s *Server) undo(c *Client, e *entry, skipped bool) {
	if e.flags&touches != 0 {
		s.undoUnnamed(c, e, skipped)
		return
	}
	switch e.op {
	case opParse:
		if e.stmt != nil && e.flags&made == 0 {
			s.statements.remove(e.stmt)
		}
		if e.name != "" && c != nil && c.names[e.name].serial == e.serial {
			c.forget(e.name)
		}
	case opClose:
		if e.flags&evicts != 0 {
			s.statements.add(e.stmt, s.portals)
		}
		if e.flags&made != 0 && c != nil && c.names[e.name].stmt == nil {
			c.remember(own{name: e.name, stmt: e.stmt, serial: e.serial})
			c.registry.hold(e.stmt)
		}
	}
}
