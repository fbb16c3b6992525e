package relay

import (
	"slices"
	"strings"

	"holdfast/internal/pgwire"
)

// verdict is what a statement's text says about what the statement does to the session.
type verdict struct {
	words Words
	set   *Assignment // when it is a SET or RESET that can be followed
	drops string      // when it is a DEALLOCATE: the client's name of the statement that it takes away
}

// judge finds out what a statement may do to the session.
func (c *Client) judge(sql []byte) verdict {
	l := c.lexer()
	l.feed(sql)
	return c.params.verdict(l.finish(), sql)
}

// verdict judges a text in which words were found.
func (p *Params) verdict(words Words, sql []byte) verdict {
	if words&SetConfig != 0 && p.tells(string(sql)) {
		words = words&^SetConfig | configures
	}
	if words&(Set|Reset) != 0 && words&several != 0 {
		if a, all, ok := parseSets(string(sql)); ok {
			words &^= Set | Reset
			if all {
				words |= resetAll
			}
			return verdict{words: words, set: a}
		}
	}
	if words&(Set|Reset) != 0 && words&several == 0 {
		if a, ok := parseSet(string(sql)); ok {
			words &^= Set | Reset
			if a != nil && a.All {
				words |= resetAll
			}
			return verdict{words: words, set: a}
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

// endLexing notes what was found in a text that is there now. Nothing was expected after its message.
func (c *Client) endLexing() {
	c.lexing = false
	words := c.lex.finish()
	c.heed(verdict{words: words})
	switch e := c.server.queue.last(); {
	case e == nil:
	case e.op == opQuery:
		e.words = words
	case e.flags&touches != 0: // a Parse of the unnamed statement
		c.unnamed.now.words = words
	default:
		c.pin(pinsOf(words))
	}
}

// heed takes the precautions that a statement asks for which is being sent.
func (c *Client) heed(v verdict) {
	c.mayLetGo(v.words)
	if v.words&barriers != 0 {
		c.barrier = true
	}
	if v.words&configures != 0 {
		c.twist, c.twistEnds = c.registry.serials.Add(1), true
	}
	for a := v.set; a != nil; a = a.next {
		if parsing(a.Name, a.local) {
			c.twist, c.twistEnds = c.registry.serials.Add(1), c.params.Reports(a.Name) && a == v.set && a.next == nil
		}
	}
}

// did notes what a statement did to the session, or may have done before it failed.
func (c *Client) did(w Words, failed bool) {
	if w == 0 {
		return
	}
	pins := pinsOf(w)
	switch {
	case w&several != 0: // nobody knows which of them failed
		w &^= several
	case failed:
		pins &^= transactional
		w = 0
	default:
		c.fresh |= pins &^ c.pins // what stood before outlives a rollback
	}
	c.pin(pins)
	c.lets = (c.lets | w&lets) &^ undone(pins)
	c.rolled = false
}

// pinsOf returns the pins that words make.
func pinsOf(w Words) Words {
	pins := w & Pins
	if w&(Set|Reset) != 0 {
		pins |= Set
	}
	return pins
}

// ready notes what the end of a statement, and perhaps of a transaction, means for the client's state.
func (c *Client) ready(s *Server, status byte) {
	quiet := s.queue.empty() // else what the client sent since belongs to another transaction
	if quiet && (c.twistEnds || status == pgwire.Idle) {
		c.twist, c.twistEnds = 0, false
	}
	if quiet && status == pgwire.Idle {
		c.bindings, c.drops, c.guard, c.portals = 0, "", false, c.portals[:0]
	}
	if status != pgwire.Idle {
		return
	}
	c.Counters.Transactions++
	c.end(s, !c.failing && !c.rolled)
	if c.discards {
		c.afterDiscard()
	}
	c.unsettled = c.want != c.params || !c.settings.equal(s.settings) || c.reverted
}

// boundary notes the end of a transaction, or of a part of it, before ReadyForQuery tells. Nobody can tell ROLLBACK from ROLLBACK TO.
func (c *Client) boundary(s *Server, tag []byte) {
	switch {
	case string(tag) == "COMMIT":
		c.end(s, true)
	case string(tag) == "SAVEPOINT":
		c.savepoint = true
	case c.savepoint:
		c.failing, c.rolled = false, true
	default:
		c.end(s, false)
	}
}

// end notes the end of a transaction.
func (c *Client) end(s *Server, committed bool) {
	was := c.pins
	switch {
	case !committed:
		c.pins &^= c.fresh & transactional
	case c.savepoint:
		c.doubt(s)
	default:
		c.pins &^= letGo(c.lets)
		c.resets = c.resets || c.lets&resetAll != 0
		for i := range c.pending {
			c.assign(s, c.pending[i])
		}
	}
	if was != 0 && c.pins == 0 {
		s.dirty = true
	}
	clear(c.pending)
	c.pending, c.fresh, c.lets = c.pending[:0], 0, 0
	c.savepoint, c.failing, c.rolled = false, false, false
}

// doubt takes over the settings of a transaction that had savepoints: nobody knows which of them stand.
func (c *Client) doubt(s *Server) {
	for _, a := range c.pending {
		if !c.params.Reports(a.Name) {
			c.pin(Set)
		} else if a.Set == "" {
			c.assign(s, a) // at worst it is undone once too often
		}
	}
}

// assign notes that the session has been given a setting, or that one was undone: what the client asked for at log-in then
// stands again, and the server does not know that.
func (c *Client) assign(s *Server, a Assignment) {
	reported := c.params.Reports(a.Name)
	switch {
	case a.local:
	case a.All:
		c.since = nil
		s.settings, c.settings = s.settings.with(a), c.settings.with(a).and(c.startup)
		c.want = c.table.revert(c.want, c.initial, "")
	case reported && a.Set == "":
		c.since = slices.DeleteFunc(c.since, func(name string) bool { return strings.EqualFold(name, a.Name) })
		c.want = c.table.revert(c.want, c.initial, a.Name)
	case reported:
		if c.discards {
			c.since = append(c.since, a.Name)
		}
		c.want = c.table.revert(c.want, c.params, a.Name) // after a RESET of the same transaction
	case a.Set == "":
		s.settings, c.settings = s.settings.with(a), c.settings.with(c.startup.named(a.Name))
	default:
		s.settings, c.settings = s.settings.with(a), c.settings.with(a)
	}
}

// discarded notes a DISCARD ALL of the client. What it did to parameters is reported after this.
func (c *Client) discarded(s *Server) {
	c.forgetNames()
	c.pending, c.since = c.pending[:0], nil
	c.pins, c.fresh, c.lets, c.settings, c.discards = 0, 0, 0, c.startup, true
	s.dirty = c.mode == Session
}

// afterDiscard makes what the client asked for at log-in its parameters again, but for those that it has set between DISCARD ALL and
// Sync. Where they have the value that they had before, the server reports nothing.
func (c *Client) afterDiscard() {
	c.reverted = c.mode == Session // see restore
	c.want = c.table.revert(c.want, c.initial, "")
	for _, name := range c.since {
		c.want = c.table.revert(c.want, c.params, name)
	}
	c.discards, c.since = false, nil
}
