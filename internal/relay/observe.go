package relay

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"holdfast/internal/pgwire"
)

// Note is what an observer wants to be told again when a statement is done.
type Note uint64

// Observer hears of statements. Its methods are called while bytes are relayed and must be quick.
type Observer interface {
	// Begin is told the text of a statement that is about to run, as far as it is there; the note comes back with End. For a
	// prepared statement it is called at each Bind. A portal that no Bind made, as a cursor of DECLARE, begins as "EXECUTE portal".
	Begin(text []byte) Note
	// End is told how the statement ended: its command tag, or the SQLSTATE of its error. It is called for each command of
	// a text of several, for each Execute of a portal (the tag is PORTAL SUSPENDED when it stopped at its limit of rows), for each
	// function call, and not at all for what was skipped because of an error before it.
	End(n Note, tag, sqlstate []byte)
}

// texts are those of a client's prepared statements, as far as an observer has to know them. In transaction mode they are
// known anyway.
type texts struct {
	named   map[string][]byte
	unnamed []byte
}

// watch keeps the text of a Parse that passes as it is. It reports false if too little of it is there.
func (c *Client) watch(m message) bool {
	if c.observer == nil {
		return true
	}
	if m.size <= maxText && !m.whole() {
		return false
	}
	name, text, ok := bytes.Cut(m.body(), []byte{0})
	if !ok {
		return m.whole()
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	if len(name) == 0 {
		c.texts.unnamed = append(c.texts.unnamed[:0], text...)
		return true
	}
	if c.texts.named == nil {
		c.texts.named = map[string][]byte{}
	}
	c.texts.named[string(name)] = bytes.Clone(text)
	return true
}

// witness tells the observer of a Bind that passes as it is. It reports false if too little of it is there.
func (c *Client) witness(m message) (Note, bool) {
	if c.observer == nil {
		return 0, true
	}
	portal, name, ok := cutNames(m.body())
	if !ok && !m.whole() && m.there() <= maxNames {
		return 0, false
	}
	text := c.texts.unnamed
	if len(name) > 0 {
		text = c.texts.named[string(name)]
	}
	return c.begin(portal, text), true
}

// unwatch forgets the text of a statement that a Close takes away. It reports false if too little of the Close is there.
func (c *Client) unwatch(m message) bool {
	if len(c.texts.named) == 0 {
		return true
	}
	if !m.whole() {
		return m.size > maxText
	}
	if kind, name, err := pgwire.ParseTarget(m.body()); err == nil && kind == pgwire.TargetStatement {
		delete(c.texts.named, string(name))
	}
	return true
}

// oidSize is the size in bytes of the function's number at the beginning of a FunctionCall.
const oidSize = 4

// calls tells the observer of a FunctionCall, whose function has a number and no name.
func (c *Client) calls(m message) Note {
	if c.observer == nil {
		return 0
	}
	text := []byte("CALL function")
	if b := m.body(); len(b) >= oidSize {
		text = strconv.AppendUint(append(text, ' '), uint64(binary.BigEndian.Uint32(b)), 10)
	}
	return c.observer.Begin(text)
}

// ends tells the observer that the statement of an entry has ended, by something else than a command's own tag.
func (c *Client) ends(e *entry, tag string) {
	if c != nil && c.observer != nil && e.flags&hidden == 0 {
		c.observer.End(e.note, []byte(tag), nil)
	}
}

// suspended notes that a portal has stopped at its limit of rows.
func (c *Client) suspended(e *entry) {
	if c != nil && e != nil && e.op == opExecute {
		c.did(e.words, false)
		c.ends(e, "PORTAL SUSPENDED")
	}
}

// called notes the result of a function call.
func (c *Client) called(e *entry) {
	if e != nil && e.op == opFunction {
		e.flags |= begun
		c.ends(e, "CALL")
	}
}

// Notes calls f with each note that may still come with an End: those of what is under way, and those of what was bound.
func (c *Client) Notes(f func(Note)) {
	f(c.portal.note)
	for i := range c.portals {
		f(c.portals[i].note)
	}
	if c.server == nil {
		return
	}
	for i := range c.server.queue.size {
		f(c.server.queue.at(i).note)
	}
}

// Abandon tells the observer that nobody will learn how the statements under way end: the connection to the server, or to the
// client, is given up.
func (c *Client) Abandon(sqlstate string) {
	if c.observer == nil || c.server == nil {
		return
	}
	for i := range c.server.queue.size {
		switch e := c.server.queue.at(i); e.op {
		case opQuery, opExecute, opFunction:
			if e.flags&hidden == 0 && (e.flags&begun == 0 || !c.server.broken) { // else it was told why
				c.observer.End(e.note, nil, []byte(sqlstate))
			}
		}
	}
}
