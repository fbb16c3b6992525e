package relay

import (
	"bytes"

	"holdfast/internal/pgwire"
)

// maxText is the size in bytes of the largest Query that is read whole: no SET and no DEALLOCATE of a client's is longer.
const maxText = 1 << 13

// query handles a simple query.
func (c *Client) query(s *Server, m message, o *Out) (int, error) {
	if (c.mode == Transaction || c.observer != nil) && m.size <= maxText && !m.whole() {
		return 0, nil
	}
	text := bytes.TrimSuffix(m.body(), []byte{0})
	if c.mode == Transaction && m.whole() && s.changes > 0 && isDeallocate(text) {
		return 0, nil
	}
	c.Counters.Queries++
	s.dirty = s.dirty || s.open // see FunctionCall
	s.open, s.flushed, s.used = false, false, false
	var note Note
	if c.observer != nil {
		note = c.observer.Begin(text)
	}
	if c.mode == Session {
		s.queue.push(opQuery, 0).note = note
		return c.pass(m, o)
	}
	drops := ""
	if m.whole() {
		if name, ok := c.deallocates(text); ok {
			c.prepareSpare(s, name, o)
			drops = name
		}
	}
	e := c.untouch(s, opQuery)
	e.note, e.name = note, drops
	switch {
	case drops != "":
		c.heed(verdict{words: Deallocate})
		o.put(pgwire.AppendQuery(o.buffer(), deallocateSpare))
		return m.size, nil
	case m.whole():
		v := c.judge(text)
		e.words, e.set = v.words, v.set
		c.heed(v)
	default:
		c.readWords(m, 0)
	}
	return c.pass(m, o)
}

const (
	// spare is the name of a statement that is prepared to be deallocated at once.
	spare           = prefix + "-"
	deallocateSpare = `DEALLOCATE "` + spare + `"`
)

// prepareSpare gives the server the statement that DEALLOCATE of a client's statement takes away in its place, if the client has
// that. So the server itself says whether that was possible. An empty text can be prepared even in a failed transaction.
func (c *Client) prepareSpare(s *Server, name string, o *Out) {
	s.queue.push(opClose, hidden)
	o.put(pgwire.AppendClose(o.buffer(), pgwire.TargetStatement, spare))
	if _, ok := c.names[name]; ok {
		s.queue.push(opParse, hidden)
		o.put(pgwire.AppendParse(o.buffer(), spare, "", nil))
	}
}

// deallocates returns the name in a DEALLOCATE of a statement that the client prepared by Parse, which servers have under
// another name.
func (c *Client) deallocates(sql []byte) (name string, ok bool) {
	if len(c.names) == 0 || !mayDeallocate(sql) {
		return "", false
	}
	if name, ok = deallocated(string(bytes.TrimLeft(sql, " \t\r\n"))); ok {
		_, ok = c.names[name]
	}
	return name, ok
}

// mayDeallocate reports whether a text is short enough and begins as a DEALLOCATE does.
func mayDeallocate(sql []byte) bool {
	sql = bytes.TrimLeft(sql, " \t\r\n")
	return len(sql) > 0 && len(sql) <= maxDeallocate && sql[0]|0x20 == 'd'
}

// isDeallocate reports whether a text takes one prepared statement away.
func isDeallocate(sql []byte) bool {
	if !mayDeallocate(sql) {
		return false
	}
	_, ok := deallocated(string(bytes.TrimLeft(sql, " \t\r\n")))
	return ok
}

// maxDeallocate is the size in bytes of the longest DEALLOCATE that is looked for.
const maxDeallocate = 256

// deallocated returns the name in the text of a DEALLOCATE.
func deallocated(sql string) (string, bool) {
	verb, rest := cutWord(trimEnd(sql))
	if verb != "deallocate" {
		return "", false
	}
	if word, tail := cutWord(rest); word == "prepare" && tail != "" {
		rest = tail
	}
	if n := len(rest); n > 2 && rest[0] == '"' && rest[n-1] == '"' {
		return rest[1 : n-1], !bytes.ContainsRune([]byte(rest[1:n-1]), '"')
	}
	word, tail := cutWord(rest)
	return word, word != "" && tail == "" && word != "all" && !bytes.ContainsRune([]byte(word), '"')
}
