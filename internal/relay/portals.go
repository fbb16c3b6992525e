package relay

import "bytes"

// portal is what was bound to the unnamed portal last.
type portal struct {
	note   Note
	learns own // whose result its description tells, if that is of use
	verdict
}

// portals are the named portals of a client's transaction, for its observer: which statement runs when one of them is executed.
type portals []namedPortal

type namedPortal struct {
	name string
	note Note
}

// maxPortals is how many named portals are known at a time. An older one is told of as one that nobody knows.
const maxPortals = 1 << 10

// unknownPortal is the text of what runs by the name of a portal that was not bound, as a cursor of DECLARE has one.
const unknownPortal = "EXECUTE portal"

// bind notes that a statement was bound to a named portal.
func (p *portals) bind(name []byte, n Note) {
	for i := range *p {
		if (*p)[i].name == string(name) {
			(*p)[i].note = n
			return
		}
	}
	if len(*p) == maxPortals {
		*p = append((*p)[:0], (*p)[1:]...)
	}
	*p = append(*p, namedPortal{string(name), n})
}

func (p portals) find(name []byte) (Note, bool) {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].name == string(name) {
			return p[i].note, true
		}
	}
	return 0, false
}

// begin tells the observer of a statement that is bound to a portal.
func (c *Client) begin(to, text []byte) Note {
	if c.observer == nil {
		return 0
	}
	n := c.observer.Begin(text)
	if len(to) == 0 {
		c.portal.note = n
	} else {
		c.portals.bind(to, n)
	}
	return n
}

// runs returns the note of the portal that an Execute runs. It reports false if too little of the message is there.
func (c *Client) runs(m message) (Note, bool) {
	if c.observer == nil || m.size == unnamedExecute {
		return c.portal.note, true
	}
	name, _, ok := bytes.Cut(m.body(), []byte{0})
	if !ok && !m.whole() && m.there() <= maxNames {
		return 0, false
	}
	if n, bound := c.portals.find(name); ok && bound {
		return n, true
	}
	return c.observer.Begin([]byte(unknownPortal)), true
}
