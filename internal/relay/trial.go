package relay

import (
	"bytes"
	"encoding/binary"

	"holdfast/internal/pgwire"
)

const (
	// maxTrial is the most in bytes that is kept of a trial that must be done over when it fails.
	maxTrial = 16 << 10
	// maxSmall is the most that is kept of another one. So much stays with each server.
	maxSmall = 4 << 10
)

// trial is the use of a statement that can be done over, unseen, when the server says that the statement's result is another one by now:
// a Bind or a Describe that is the first in its transaction to need the server, and what was sent after it, up to Sync.
//
// A server may have had the statement from another client, from before a table was changed; directly, a client that has prepared it
// after the change would notice nothing. Such a trial is sure: nothing overtakes it, and it is done over whatever it is. Where it
// cannot be one (within a transaction) the statement is prepared anew before its use. All other uses may fail as PostgreSQL wants it:
// it says so to a client whose own statement has grown old. They are done over only if nothing that the client can know of the
// statement has a part in them, and are no trials any more as soon as anything out of the ordinary follows.
type trial struct {
	on     bool
	sure   bool
	synced bool // its Sync was sent
	again  bool // it is being done over
	from   int  // where it begins in what the present call hands on
	node   *node
	sent   []byte
	told   []byte // the ParameterDescription, held back until it is certain that it is true
}

// suits reports whether the use of a statement can be a trial.
func (s *Server) suits(m message, st *Statement, limit int) bool {
	return s.status == pgwire.Idle && s.queue.empty() && !s.used && !s.trial.on && s.doubtful == 0 && !s.copying &&
		st.words == 0 && st.set == nil && m.size <= limit
}

// try begins a trial with the message that is handed on next.
func (s *Server) try(n *node, sure bool, o *Out) flags {
	t := &s.trial
	t.on, t.sure, t.synced, t.again, t.from, t.node = true, sure, false, false, o.size(), n
	t.sent, t.told = t.sent[:0], nil
	return tried
}

// record keeps what was handed on of a trial.
func (t *trial) record(o *Out) {
	t.sent = append(t.sent, o.Bytes()[t.from:]...)
	t.from = 0
}

func (t *trial) end() {
	t.on, t.node = false, nil
	if cap(t.sent) > 2*maxSmall {
		t.sent = nil
	}
}

// joins reports whether a message may be sent now that comes while a trial is on, and makes it a part of that if it can be one.
func (s *Server) joins(m message, o *Out) bool {
	t := &s.trial
	part := m.typ == pgwire.Execute || m.typ == pgwire.Sync || m.typ == pgwire.Flush ||
		(m.typ == pgwire.Describe || m.typ == pgwire.Close) && len(m.body()) > 0 && m.body()[0] == pgwire.TargetPortal
	part = part && !t.synced && len(t.sent)+o.size()-t.from+m.size <= maxTrial && (t.sure || m.whole())
	switch {
	case part && m.whole():
		t.synced = m.typ == pgwire.Sync
		return true
	case !t.sure:
		t.end()
		return true
	case !part && !t.synced && !s.flushed: // it would wait, too
		s.flushed = true
		o.put(pgwire.AppendFlush(o.buffer()))
	}
	return false
}

// proved notes that a statement was as the server thought.
func (s *Server) proved(e *entry) {
	t := &s.trial
	if !t.on || e == nil || e.flags&tried == 0 {
		return
	}
	if t.node.valid < e.serial {
		t.node.valid, t.node.odd = e.serial, 0
	}
	t.end()
}

// holdBack keeps the ParameterDescription of a trial from the client.
func (s *Server) holdBack(r *reply, e *entry) {
	if e != nil && e.flags&tried != 0 {
		s.trial.told, s.hide = bytes.Clone(r.bytes), true
	}
}

// tell puts back what was held back of the description of a statement.
func (t *trial) tell(o *Out) {
	if len(t.told) > 0 {
		o.put(append(o.buffer(), t.told...))
		t.told = nil
	}
}

// again begins a trial anew if it may be, with the statement as it is now, and reports whether it does.
func (s *Server) again(c *Client, head *entry, body []byte, code string) bool {
	t := &s.trial
	switch {
	case !t.on || t.again || head.flags&tried == 0 || s.broken || c.left > 0 || code != notSupported || !cachedPlan(body):
		return false
	case !t.sure && head.op == opBind && !timeless(t.sent, head.stmt.parse):
		return false
	}
	st := head.stmt
	if mine, ok := c.names[head.name]; ok {
		mine.shape = 0
		c.names[head.name] = mine
	}
	s.outdated(st)
	s.statements.remove(st)
	rest := make([]entry, 0, s.queue.size)
	for i := range s.queue.size {
		rest = append(rest, *s.queue.at(i))
	}
	s.queue.drop(len(rest))
	if !t.synced {
		s.over = pgwire.AppendSync(s.over)
	}
	s.queue.push(opSync, hidden)
	s.over = s.closeHidden(s.over, st, 0)
	s.over = appendParse(s.over, st.Name, st.parse)
	t.node = s.statements.add(st, s.portals)
	s.queue.push(opParse, hidden).stmt = st
	for _, e := range rest {
		*s.queue.push(e.op, e.flags) = e
	}
	s.over = append(s.over, t.sent...)
	t.sure, t.again, t.told = true, true, nil
	c.Counters.ServerParses++
	return true
}

// Over returns what the server is to be sent after Backward, to do over what it could not do, nothing at nearly all times. It is valid
// until the next call of Backward.
func (c *Client) Over() []byte {
	if c.server == nil || len(c.server.over) == 0 {
		return nil
	}
	b := c.server.over
	c.server.over = nil
	return b
}

// outdated notes that a statement has to be prepared anew by every server that has it as this one does.
func (s *Server) outdated(st *Statement) {
	if n := s.statements.byName[st]; n != nil {
		st.version.CompareAndSwap(n.version, n.version+1)
	}
}

// timeless reports whether messages that begin with a Bind mean the same, and whether their sender understands the answer, whatever
// the types of the statement's result are by now: the result is described before it comes, in formats that do not depend on how many columns
// it has, and no parameter is binary whose type the server has found out by itself.
func timeless(sent, parse []byte) bool {
	_, size, err := pgwire.Header(sent)
	if err != nil || size == 0 || size > len(sent) {
		return false
	}
	bind := sent[pgwire.HeaderSize:size]
	portal, statement, ok := cutNames(bind)
	return ok && sameFormats(bind[len(portal)+len(statement)+2:], parse[len(textOf(parse))+1:]) && describes(sent[size:], portal)
}

// describes reports whether a portal is described before it is executed.
func describes(messages, portal []byte) bool {
	for len(messages) >= pgwire.HeaderSize {
		typ, size, err := pgwire.Header(messages)
		if err != nil || size == 0 || size > len(messages) || pgwire.FrontendType(typ) == pgwire.Execute {
			return false
		}
		if pgwire.FrontendType(typ) == pgwire.Describe {
			kind, name, err := pgwire.ParseTarget(messages[pgwire.HeaderSize:size])
			return err == nil && kind == pgwire.TargetPortal && string(name) == string(portal)
		}
		messages = messages[size:]
	}
	return false
}

// sameFormats reports whether the rest of a Bind, after its names, means the same whatever types the server finds out. Types are those
// that Parse named, after their number.
func sameFormats(rest, types []byte) bool {
	v, err := pgwire.ParseBindRest(rest)
	if err != nil || len(v.ResultFormats) > 1 {
		return false
	}
	for i := range v.Values {
		var format int16
		switch len(v.Formats) {
		case 0:
		case 1:
			format = v.Formats[0]
		default:
			format = v.Formats[i]
		}
		if format != 0 && typeOf(types, i) == 0 {
			return false
		}
	}
	return true
}

// typeOf returns the type that Parse named for a parameter, 0 when it left that to the server.
func typeOf(types []byte, i int) uint32 {
	if len(types) < 2+4*i+4 {
		return 0
	}
	return binary.BigEndian.Uint32(types[2+4*i:])
}
