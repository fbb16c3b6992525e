package lane

// ring is a list of connections, in the order of their latest move to its end.
type ring struct{ root conn }

func (r *ring) init() { r.root.next, r.root.prev = &r.root, &r.root }

// first returns the first connection; nil when there is none.
func (r *ring) first() *conn { return r.after(&r.root) }

// after returns the one that follows c; nil when c is the last.
func (r *ring) after(c *conn) *conn {
	if c.next == &r.root {
		return nil
	}
	return c.next
}

func (r *ring) append(c *conn) {
	last := r.root.prev
	c.prev, c.next = last, &r.root
	last.next, r.root.prev = c, c
}

func (r *ring) remove(c *conn) {
	c.prev.next, c.next.prev = c.next, c.prev
	c.next, c.prev = nil, nil
}

// touch makes c the last.
func (r *ring) touch(c *conn) {
	r.remove(c)
	r.append(c)
}
