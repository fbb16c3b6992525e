package relay

import (
	"bytes"
	"encoding/binary"

	"holdfast/internal/pgwire"
)

// extended handles the messages of the extended protocol that name statements. In session mode they pass as they are.
func (c *Client) extended(s *Server, m message, o *Out) (int, error) {
	switch m.typ {
	case pgwire.Parse:
		return c.parse(s, m, o)
	case pgwire.Bind:
		return c.bind(s, m, o)
	case pgwire.Describe:
		return c.describe(s, m, o)
	default:
		return c.close(s, m, o)
	}
}

// parse handles a Parse.
func (c *Client) parse(s *Server, m message, o *Out) (int, error) {
	c.Counters.Parses++
	switch {
	case c.mode == Session:
		return c.asIs(s, m, o, opParse)
	case m.size > maxWhole:
		c.pins |= Prepare
		return c.asIs(s, m, o, opParse)
	case !m.whole():
		c.Counters.Parses--
		return 0, nil
	}
	p, err := pgwire.ParseParse(m.body())
	if err != nil {
		return 0, err
	}
	if len(p.Name) == 0 {
		words, set := c.judge(p.Query)
		c.unnamed = unnamed{
			parse: append(c.unnamed.parse[:0], m.body()[1:]...), serial: c.registry.unnamed.Add(1), words: words, to: set,
		}
		s.unnamed = c.unnamed.serial
		return c.asIs(s, m, o, opParse)
	}
	c.named(s, p, o)
	return m.size, nil
}

// asIs passes a message on and expects its answer.
func (c *Client) asIs(s *Server, m message, o *Out, kind op) (int, error) {
	if kind == opParse {
		c.Counters.ServerParses++
	}
	s.queue.push(entry{op: kind})
	return c.pass(m, o)
}

// judge finds out what a statement may do to the session.
func (c *Client) judge(sql []byte) (Words, Assignment) {
	if c.lex == nil {
		c.lex = new(lexer)
	}
	c.lex.start()
	c.lex.feed(sql)
	words := c.lex.finish()
	if words&(Set|Reset) != 0 && c.lex.statements == 1 {
		if a, ok := parseSet(string(sql)); ok {
			return words &^ (Set | Reset), a
		}
	}
	return words, Assignment{}
}

// named handles the Parse of a named statement, which the server may have already.
func (c *Client) named(s *Server, p pgwire.Statement, o *Out) {
	if c.names[string(p.Name)] != nil {
		c.refuse(s, o, pgwire.Notice{
			Code: "42P05", Message: `prepared statement "` + string(p.Name) + `" already exists`,
		})
		return
	}
	st := c.registry.intern(p, c.settings.fingerprint(), func() (Words, Assignment) { return c.judge(p.Query) })
	if c.names == nil {
		c.names = map[string]*Statement{}
	}
	name := string(p.Name)
	c.names[name] = st
	e := entry{op: opParse, stmt: st, name: name}
	if s.statements.use(st, s.portals) {
		e.flags = made
		s.queue.push(e)
		c.local = s.answerMade(c, c.local)
		return
	}
	c.send(s, st, e, o)
}

// send gives the server a statement that it does not have.
func (c *Client) send(s *Server, st *Statement, e entry, o *Out) {
	b := o.buffer()
	if old := s.statements.oldest(s.portals); old != nil {
		s.statements.remove(old)
		b = s.closeHidden(b, old)
	}
	if s.statements.stale[st] {
		delete(s.statements.stale, st)
		b = s.closeHidden(b, st)
	}
	s.statements.add(st, s.portals)
	s.queue.push(e)
	o.put(appendParse(b, st.Name, st.parse))
	c.Counters.ServerParses++
}

func (s *Server) closeHidden(b []byte, st *Statement) []byte {
	s.queue.push(entry{op: opClose, flags: hidden, stmt: st})
	return pgwire.AppendClose(b, pgwire.TargetStatement, st.Name)
}

// refused is a name that no statement has.
const refused = prefix + "!"

// refuse makes the server fail, as it would have if it had got the client's message, and lets the client see another error.
func (c *Client) refuse(s *Server, o *Out, n pgwire.Notice) {
	c.answer = pgwire.AppendError(nil, n)
	s.queue.push(entry{op: opDescribe, flags: poison})
	o.put(pgwire.AppendDescribe(o.buffer(), pgwire.TargetStatement, refused))
}

// ensure makes sure that the server has the statement of a name that the client uses, and returns its name there.
func (c *Client) ensure(s *Server, name []byte, o *Out) (st *Statement, own bool) {
	if len(name) == 0 {
		if c.unnamed.serial != 0 && s.unnamed != c.unnamed.serial {
			s.unnamed = c.unnamed.serial
			s.queue.push(entry{op: opParse, flags: hidden})
			o.put(appendParse(o.buffer(), "", c.unnamed.parse))
			c.Counters.ServerParses++
		}
		return nil, false
	}
	st = c.names[string(name)]
	if st == nil {
		return nil, false // the server says what it thinks of it
	}
	if !s.statements.use(st, s.portals) {
		c.send(s, st, entry{op: opParse, flags: hidden, stmt: st}, o)
	}
	return st, true
}

// bind handles a Bind.
func (c *Client) bind(s *Server, m message, o *Out) (int, error) {
	c.Counters.Binds++
	if c.mode == Session {
		return c.asIs(s, m, o, opBind)
	}
	portal, name, ok := cutNames(m.body())
	if !ok {
		c.Counters.Binds--
		if m.whole() || m.there() > maxNames {
			return 0, &pgwire.ProtocolError{Reason: "invalid names in a Bind message"}
		}
		return 0, nil
	}
	st, own := c.ensure(s, name, o)
	c.noteBind(st, name)
	s.queue.push(entry{op: opBind, stmt: st})
	if !own {
		return c.pass(m, o)
	}
	size := m.size - len(name) + len(st.Name)
	b := append(o.buffer(), byte(pgwire.Bind))
	b = binary.BigEndian.AppendUint32(b, uint32(size-1)) //nolint:gosec // it came as 32 bits, and names are short
	b = append(append(append(append(b, portal...), 0), st.Name...), 0)
	o.put(b)
	names := pgwire.HeaderSize + len(portal) + 1 + len(name) + 1
	o.keep(m.at+names, m.at+m.there())
	c.left, c.drop = m.size-m.there(), false
	return m.there(), nil
}

// noteBind notes what the statement that is bound may do.
func (c *Client) noteBind(st *Statement, name []byte) {
	var text []byte
	switch {
	case st != nil:
		c.noteWords(st.words, st.set)
		text = st.Text()
	case len(name) == 0 && c.unnamed.serial != 0:
		c.noteWords(c.unnamed.words, c.unnamed.to)
		text = textOf(c.unnamed.parse)
	}
	if c.observer != nil {
		c.bound = c.observer.Begin(text)
	}
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

// describe handles a Describe.
func (c *Client) describe(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		return c.asIs(s, m, o, opDescribe)
	}
	kind, name, ok, err := target(m)
	if !ok || err != nil {
		return 0, err
	}
	if kind != pgwire.TargetStatement {
		return c.asIs(s, m, o, opDescribe)
	}
	st, own := c.ensure(s, name, o)
	s.queue.push(entry{op: opDescribe, stmt: st})
	if !own {
		return c.pass(m, o)
	}
	o.put(pgwire.AppendDescribe(o.buffer(), kind, st.Name))
	return m.size, nil
}

// close handles a Close. A statement that the client closes stays with the server, for others.
func (c *Client) close(s *Server, m message, o *Out) (int, error) {
	if c.mode == Session {
		return c.asIs(s, m, o, opClose)
	}
	kind, name, ok, err := target(m)
	if !ok || err != nil {
		return 0, err
	}
	if kind != pgwire.TargetStatement {
		return c.asIs(s, m, o, opClose)
	}
	if len(name) == 0 {
		c.unnamed.serial, s.unnamed = 0, 0
		return c.asIs(s, m, o, opClose)
	}
	st := c.names[string(name)]
	if st == nil {
		return c.asIs(s, m, o, opClose)
	}
	delete(c.names, string(name))
	s.queue.push(entry{op: opClose, flags: made, stmt: st, name: string(name)})
	c.local = s.answerMade(c, c.local)
	return m.size, nil
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

// deallocate answers "DEALLOCATE name" for a statement that was prepared by Parse, which the server has under another
// name. A Sync takes its place, so that ReadyForQuery tells the truth. In a failed transaction the server refuses as it always does.
func (c *Client) deallocate(s *Server, m message, o *Out) (int, bool) {
	if len(c.names) == 0 || m.size > 256 || s.status == pgwire.InFailed {
		return 0, false
	}
	name, ok := deallocated(m.body())
	st := c.names[name]
	if !ok || st == nil {
		return 0, false
	}
	delete(c.names, name)
	c.registry.release(st)
	c.Counters.Queries++
	s.open = false
	s.queue.push(entry{op: opTag, flags: made})
	c.local = s.answerMade(c, c.local)
	s.queue.push(entry{op: opSync})
	o.put(pgwire.AppendSync(o.buffer()))
	return m.size, true
}

// deallocated returns the name in the text of a DEALLOCATE.
func deallocated(body []byte) (string, bool) {
	text := string(bytes.TrimRight(body, "\x00; \t\r\n"))
	verb, rest := cutWord(text)
	if verb != "deallocate" {
		return "", false
	}
	if word, tail := cutWord(rest); word == "prepare" && tail != "" {
		rest = tail
	}
	if len(rest) > 2 && rest[0] == '"' && rest[len(rest)-1] == '"' {
		return rest[1 : len(rest)-1], true
	}
	word, tail := cutWord(rest)
	return word, word != "" && tail == "" && word != "all"
}
