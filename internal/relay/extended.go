package relay

import (
	"bytes"
	"encoding/binary"

	"holdfast/internal/pgwire"
)

// asIs passes a message on and expects its answer.
func (c *Client) asIs(s *Server, m message, o *Out, kind op) (int, error) {
	s.queue.push(kind, 0)
	return c.pass(m, o)
}

// parse handles a Parse.
func (c *Client) parse(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		if !c.watch(m) {
			return 0, nil
		}
		c.Counters.Parses++
		c.Counters.ServerParses++
		return c.asIs(s, m, o, opParse)
	}
	if m.size > maxWhole {
		return c.parseHuge(s, m, o)
	}
	if !m.whole() {
		return 0, nil
	}
	p, err := pgwire.ParseParse(m.body())
	if err != nil {
		return 0, err
	}
	if s.changes > 0 && (len(p.Name) > 0 || isDeallocate(p.Query)) {
		return 0, nil
	}
	c.Counters.Parses++
	if len(p.Name) == 0 {
		return c.parseUnnamed(s, m, p, o)
	}
	c.parseNamed(s, p, o)
	return m.size, nil
}

// parseHuge handles a Parse that is not read whole. Under a name it is the server's own, and pins the client.
func (c *Client) parseHuge(s *Server, m message, o *Out) (int, error) {
	if len(m.body()) == 0 {
		return 0, nil
	}
	c.Counters.Parses++
	if m.body()[0] == 0 {
		return c.parseLarge(s, m, o)
	}
	c.Counters.ServerParses++
	c.pins |= Prepare
	c.readWords(m, 1)
	return c.asIs(s, m, o, opParse)
}

// bind handles a Bind. Its names are looked at, and that of the statement is replaced by the server's.
func (c *Client) bind(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		note, ok := c.witness(m)
		if !ok {
			return 0, nil
		}
		c.Counters.Binds++
		s.queue.push(opBind, 0).note = note
		return c.pass(m, o)
	}
	portal, name, ok := cutNames(m.body())
	if !ok {
		if m.whole() || m.there() > maxNames {
			return 0, &pgwire.ProtocolError{Reason: "invalid names in a Bind message"}
		}
		return 0, nil
	}
	if c.uncertain(s, name) {
		return 0, nil
	}
	if len(name) == 0 {
		c.Counters.Binds++
		s.used = true
		c.bindUnnamed(s, o)
		u := &c.unnamed.now
		if c.unnamed.absent() {
			u = &unnamed{}
		}
		note := c.bound(s, portal, u.verdict, textOf(u.parse), o)
		s.queue.push(opBind, 0).note = note
		return c.pass(m, o)
	}
	return c.bindNamed(s, portal, name, m, o)
}

// bindNamed handles the Bind of a named statement.
func (c *Client) bindNamed(s *Server, portal, name []byte, m message, o *Out) (int, error) {
	u := c.ensure(s, name, m, o)
	switch {
	case u.wait:
		return 0, nil
	case u.told:
		return c.ignore(m)
	}
	c.Counters.Binds++
	s.used = true
	var v verdict
	var text []byte
	if st := u.stmt; st != nil {
		st.binds.Add(1)
		v.words, v.set, text = st.words, st.set, st.Text()
	}
	note := c.bound(s, portal, v, text, o)
	if len(portal) == 0 && u.stmt != nil && u.stmt.shaped && (u.own.shape == 0 || u.node == nil || u.node.shape == 0) {
		c.portal.learns = u.own
	}
	e := s.queue.push(opBind, u.flags)
	e.stmt, e.name, e.note = u.stmt, u.own.name, note
	if u.flags != 0 {
		e.serial = c.registry.serials.Load()
	}
	as := u.as
	if as == "" {
		return c.pass(m, o)
	}
	b := append(o.buffer(), byte(pgwire.Bind))
	b = binary.BigEndian.AppendUint32(b, uint32(m.size-1-len(name)+len(as))) //nolint:gosec // it came as 32 bits, and names are short
	b = append(append(append(append(b, portal...), 0), as...), 0)
	o.put(b)
	names := pgwire.HeaderSize + len(portal) + 1 + len(name) + 1
	o.keep(m.at+names, m.at+m.there())
	c.left, c.drop = m.size-m.there(), false
	return m.there(), nil
}

// bound notes what the statement that is being bound may do when it is executed, and returns the observer's note.
func (c *Client) bound(s *Server, to []byte, v verdict, text []byte, o *Out) Note {
	if v.set != nil && len(to) > 0 {
		v.words = v.words&^resetAll | Set // nobody follows when that portal is executed
		v.set = nil
	}
	c.mayLetGo(v.words)
	if v.words&barriers != 0 {
		c.guard = true // from its Execute on
		v.words &^= barriers
	}
	c.heed(v)
	c.bindings |= v.words
	if len(to) == 0 {
		c.portal = portal{verdict: v}
	}
	if v.drops != "" {
		c.drops = v.drops
		c.prepareSpare(s, v.drops, o)
	}
	return c.begin(to, text)
}

// uncertain reports whether nobody knows yet which statement a name stands for, because messages before a Sync that is not
// answered yet gave or took names: if one of them fails, the rest of them did not happen.
func (c *Client) uncertain(s *Server, name []byte) bool {
	if len(name) == 0 {
		return s.unsure()
	}
	return s.changes > 0
}

// cutNames returns the two names at the front of a Bind.
func cutNames(body []byte) (portal, statement []byte, ok bool) {
	i := bytes.IndexByte(body, 0)
	if i < 0 {
		return nil, nil, false
	}
	j := bytes.IndexByte(body[i+1:], 0)
	if j < 0 {
		return nil, nil, false
	}
	return body[:i], body[i+1 : i+1+j], true
}

// unnamedExecute is the size in bytes of an Execute of the unnamed portal.
const unnamedExecute = pgwire.HeaderSize + 1 + 4

// execute handles an Execute.
func (c *Client) execute(s *Server, m message, o *Out) (int, error) {
	note, ok := c.runs(m)
	if !ok {
		return 0, nil
	}
	c.Counters.Queries++
	s.used = true
	e := s.queue.push(opExecute, 0)
	e.note = note
	if m.size == unnamedExecute {
		e.words, e.set, e.name = c.portal.words, c.portal.set, c.portal.drops
	} else {
		e.words, e.name = c.bindings, c.drops
	}
	if c.guard {
		c.barrier = true
	}
	return c.pass(m, o)
}

// describe handles a Describe.
func (c *Client) describe(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		return c.asIs(s, m, o, opDescribe)
	}
	kind, name, ok, err := target(m)
	if !ok || err != nil {
		return 0, err
	}
	switch {
	case kind != pgwire.TargetStatement:
		e := s.queue.push(opDescribe, 0)
		if mine := &c.portal.learns; mine.stmt != nil && len(name) == 0 {
			e.flags, e.stmt, e.name, e.serial = learns, mine.stmt, mine.name, c.registry.serials.Load()
		}
		return c.pass(m, o)
	case c.uncertain(s, name):
		return 0, nil
	case len(name) == 0:
		c.ensureUnnamed(s, o)
		return c.asIs(s, m, o, opDescribe)
	}
	u := c.ensure(s, name, m, o)
	if u.wait {
		return 0, nil
	}
	e := s.queue.push(opDescribe, u.flags)
	e.stmt, e.name, e.serial = u.stmt, u.own.name, c.registry.serials.Load()
	if u.stmt != nil && u.stmt.shaped {
		e.flags |= learns
	}
	if u.as == "" {
		return c.pass(m, o)
	}
	o.put(pgwire.AppendDescribe(o.buffer(), kind, u.as))
	return m.size, nil
}

// close handles a Close. A statement that the client closes stays with the server, for others.
func (c *Client) close(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		if !c.unwatch(m) {
			return 0, nil
		}
		return c.asIs(s, m, o, opClose)
	}
	kind, name, ok, err := target(m)
	if !ok || err != nil {
		return 0, err
	}
	switch {
	case kind != pgwire.TargetStatement:
		return c.asIs(s, m, o, opClose)
	case len(name) == 0:
		return c.closeUnnamed(s, m, o)
	case s.changes > 0:
		return 0, nil
	}
	if mine, ok := c.names[string(name)]; ok {
		s.group |= changed
		e := s.queue.push(opClose, made)
		e.stmt, e.name, e.serial = mine.stmt, mine.name, mine.serial
		c.forget(e.name)
		c.standIn(s, o)
		c.answerMade(s)
		return m.size, nil
	}
	if ours(name) {
		s.queue.push(opClose, 0)
		o.put(pgwire.AppendClose(o.buffer(), kind, nobody))
		return m.size, nil
	}
	c.letting = c.letting || c.pins&Prepare != 0 // of one that was too large to be remembered
	return c.asIs(s, m, o, opClose)
}

// target reads a Describe or Close, when it is there whole.
func target(m message) (kind byte, name []byte, ok bool, err error) {
	switch {
	case m.size > maxNames:
		return 0, nil, false, &pgwire.ProtocolError{Reason: "invalid name in a " + m.typ.String() + " message"}
	case !m.whole():
		return 0, nil, false, nil
	}
	kind, name, err = pgwire.ParseTarget(m.body())
	return kind, name, err == nil, err
}
