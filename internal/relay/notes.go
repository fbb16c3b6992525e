package relay

import (
	"holdfast/internal/pgwire"
)

// verdict is what a statement's text says about what the statement does to the session.
type verdict struct {
	words Words
	set   *Assignment // when it is a SET or RESET that can be followed
	drops string      // when it is a DEALLOCATE: the client's name of the statement that it takes away
}

// portal is what was bound last.
type portal struct {
	note Note
	verdict
}

// judge finds out what a statement may do to the session.
func (c *Client) judge(sql []byte) verdict {
	l := c.lexer()
	l.feed(sql)
	return verdictOf(l.finish(), sql)
}

func verdictOf(words Words, sql []byte) verdict {
	if words&(Set|Reset) != 0 && words&several == 0 {
		if a, ok := parseSet(string(sql)); ok {
			return verdict{words: words &^ (Set | Reset), set: a}
		}
	}
	return verdict{words: words}
}

// lexer returns the client's lexer, ready for another text.
func (c *Client) lexer() *lexer {
	if c.lex == nil {
		c.lex = new(lexer)
	}
	c.lex.start(c.params.backslashes())
	return c.lex
}

// readWords begins to judge a text of which only a part is there. It begins in the message's body after as many names.
func (c *Client) readWords(m message, names int) {
	l := c.lexer()
	l.skip = names
	l.feed(m.body())
	c.lexing = true
	if m.whole() {
		c.endLexing()
	}
}

// endLexing notes what was found in a text that is there now.
func (c *Client) endLexing() {
	c.lexing = false
	c.note(verdict{words: c.lex.finish()})
	c.unnamed.now.verdict.words |= c.lex.found // of a large Parse; a Query has no unnamed statement after it
}

// note notes what a statement that is being sent may do to the session.
func (c *Client) note(v verdict) {
	if v == (verdict{}) {
		return
	}
	if v.words&barriers != 0 {
		c.barrier = true
	}
	if v.set != nil && parsing(v.set.Name, v.set.local) {
		c.twist, c.twistEnds = c.registry.serials.Add(1), c.params.Reports(v.set.Name)
	}
	pins := v.words & Pins
	if v.words&(Set|Reset) != 0 {
		pins |= Set
	}
	c.pins |= pins
	if v.words&several == 0 {
		c.fresh |= pins
	}
	c.lets = (c.lets | v.words&lets) &^ undone(pins)
}

// ready notes what the end of a statement, and perhaps of a transaction, means for the client's state.
func (c *Client) ready(s *Server, status byte) {
	quiet := s.queue.empty()
	if quiet && (c.twistEnds || status == pgwire.Idle) {
		c.twist, c.twistEnds = 0, false
	}
	if status != pgwire.Idle {
		return
	}
	c.Counters.Transactions++
	if quiet {
		c.endPins()
	}
	c.commit(s)
	c.fresh, c.savepoint, c.rolledBack, c.guard = 0, false, false, false
	c.unsettled = c.want != c.params || !c.settings.equal(s.settings)
}

// boundary notes the end of a transaction, or of a part of it, before ReadyForQuery tells.
func (c *Client) boundary(s *Server, tag []byte) {
	switch string(tag) {
	case "COMMIT":
		c.commit(s)
		c.fresh, c.savepoint, c.rolledBack = 0, false, false
	case "ROLLBACK":
		c.rolledBack = true
	default:
		c.savepoint = true
	}
}

// endPins drops the pins that statements let go of, and those that were made in a transaction that was rolled back.
func (c *Client) endPins() {
	was := c.pins
	switch {
	case !c.rolledBack:
		c.pins &^= letGo(c.lets)
	case !c.savepoint:
		c.pins &^= c.fresh & transactional
	}
	c.lets = 0
	if was != 0 && c.pins == 0 {
		c.server.dirty = true
	}
}

// commit takes over the settings that the transaction made. After savepoints nobody knows which of them stand.
func (c *Client) commit(s *Server) {
	if len(c.pending) == 0 {
		return
	}
	for i := range c.pending {
		a := &c.pending[i]
		switch {
		case !c.savepoint && !c.rolledBack:
			c.assign(s, *a)
		case c.savepoint && !c.params.Reports(a.Name):
			c.pins |= Set
		case c.savepoint && a.Set == "":
			c.assign(s, *a) // at worst it is undone once too often
		}
	}
	clear(c.pending)
	c.pending = c.pending[:0]
}

// assign notes that the session has been given a setting, or that one was undone: what the client asked for at log-in then
// stands again, and the server does not know that.
func (c *Client) assign(s *Server, a Assignment) {
	reported := c.params.Reports(a.Name)
	switch {
	case a.local:
	case a.All:
		s.settings, c.settings = s.settings.with(a), c.settings.with(a).and(c.startup)
		c.revert("")
	case reported && a.Set == "":
		c.revert(a.Name)
	case reported:
	case a.Set == "":
		s.settings, c.settings = s.settings.with(a), c.settings.with(c.startup.named(a.Name))
	default:
		s.settings, c.settings = s.settings.with(a), c.settings.with(a)
	}
}

// revert makes the client want the value of the log-in again for a parameter, or for all if the name is empty.
func (c *Client) revert(name string) {
	c.want = c.table.revert(c.want, c.initial, name)
}

// discarded notes a DISCARD ALL of the client.
func (c *Client) discarded(s *Server) {
	c.forgetNames()
	c.pins, c.fresh, c.lets, c.settings, c.pending = 0, 0, 0, c.startup, nil
	c.revert("")
	s.dirty = c.mode == Session
}
