package relay

import (
	"bytes"
	"slices"
	"strings"

	"holdfast/internal/pgwire"
)

// The shape of a statement is a hash of its result: names and types of the columns. PostgreSQL refuses to run a prepared statement whose
// result has changed, so that a driver which remembers the types never takes one for another. A pooler has statements prepared anew behind
// the driver's back and has to see to that itself. So it remembers which shape a client was told, and which one each server's statement has. Where the two differ, or the
// server's is not known, and the client does not ask for a description in the same breath, the statement is prepared anew and described,
// hidden, and the client waits for that; if it differs still, it is told what PostgreSQL would have told it. After that the
// statement counts as new: who goes on with it nonetheless has been warned.

// noData is the shape of a result without rows.
const noData = 1

// shapeOf returns the shape in a description.
func shapeOf(r *reply) uint64 {
	if r.typ == pgwire.NoData || len(r.bytes) < r.size || len(r.body()) < 2 {
		return noData
	}
	const prime = 1099511628211
	h := uint64(fnvOffset)
	for b := r.body()[2:]; ; {
		end := bytes.IndexByte(b, 0)
		if end < 0 || len(b) < end+1+18 {
			return h | 2 // neither 0 nor noData
		}
		for _, c := range b[:end+1] {
			h = (h ^ uint64(c)) * prime
		}
		b = b[end+1:]
		// Between these are the table and the column that a value comes from, and after them its format.
		for _, c := range b[6:16] { // type, size and modifier
			h = (h ^ uint64(c)) * prime
		}
		b = b[18:]
	}
}

// shaped reports whether a statement is of those whose result PostgreSQL minds.
func shaped(parse []byte) bool {
	text := bytes.TrimLeft(textOf(parse), " \t\r\n(")
	end := bytes.IndexFunc(text, func(r rune) bool { return (r|0x20) < 'a' || (r|0x20) > 'z' })
	if end < 0 {
		end = len(text)
	}
	return end <= 6 && slices.Contains([]string{"select", "insert", "update", "delete", "merge", "with", "values", "table"}, strings.ToLower(string(text[:end])))
}

// described handles the description that was waited for.
func (s *Server) described(c *Client, r *reply, head *entry, o *Out) {
	if head == nil || head.flags&(tried|learns) == 0 {
		return
	}
	if head.flags&tried != 0 {
		s.trial.tell(o)
		s.proved(head)
	}
	if head.flags&learns == 0 {
		return
	}
	shape := shapeOf(r)
	if n := s.statements.byName[head.stmt]; n != nil && n.made <= head.serial {
		n.shape = shape
	}
	if c == nil || head.flags&hidden != 0 {
		return
	}
	if mine, ok := c.names[head.name]; ok && mine.stmt == head.stmt && mine.serial <= head.serial {
		mine.shape = shape
		c.names[head.name] = mine
	}
}

// ask prepares a statement anew and asks what its result is. The client waits.
func (c *Client) ask(s *Server, st *Statement, o *Out) {
	c.send(s, st, hidden, o)
	s.asked = s.statements.byName[st]
	e := s.queue.push(opDescribe, hidden|learns)
	e.stmt, e.serial = st, c.registry.serials.Load()
	s.open, s.flushed = true, true
	o.put(pgwire.AppendFlush(pgwire.AppendDescribe(o.buffer(), pgwire.TargetStatement, st.Name)))
}

// agedError returns the error that a client gets whose statement has another result by now, made of the one by which the server has failed
// its transaction.
func agedError(body []byte) []byte {
	n, err := pgwire.ParseNotice(body)
	if err == nil && n.Code == duplicateStatement {
		n.Code, n.Message, n.Routine = notSupported, cachedPlanFailed, revalidate
		n.Hint = "the tables of this statement were changed after it was prepared: prepare it again"
	}
	return pgwire.AppendError(nil, n)
}
