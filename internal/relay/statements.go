package relay

// statements are the prepared statements that a server session has, in the order of their use.
type statements struct {
	registry *Registry
	limit    int
	byName   map[*Statement]*node
	root     node // of a ring: root.next was used last
}

// node is a statement in the ring.
type node struct {
	stmt       *Statement
	version    uint32 // of the statement when it was prepared
	used       uint64 // the transaction that used it last
	shape      uint64 // of its result, see shapeOf; 0: not known
	made       uint64 // the serial of its Parse
	valid      uint64 // since this serial of a Parse at least it is known to be what the server would prepare
	odd        uint64 // and that only in this transaction, counted from 1; 0: in all
	prev, next *node
}

func (l *statements) init(r *Registry, limit int) {
	l.registry, l.limit = r, limit
	l.root.prev, l.root.next = &l.root, &l.root
}

// use returns the entry of a statement that the server has as it is now, and marks it as used by a transaction; nil when it has not.
func (l *statements) use(s *Statement, transaction uint64) *node {
	n := l.byName[s]
	if n == nil || n.version != s.version.Load() {
		return nil
	}
	n.used = transaction
	if l.root.next != n {
		n.unlink()
		l.front(n)
	}
	return n
}

// fresh reports whether a statement is at least as new as a Parse, as far as one transaction is concerned.
func (n *node) fresh(parse, transaction uint64) bool {
	return n.valid >= parse && (n.odd == 0 || n.odd == transaction+1)
}

// parsed notes that a statement was prepared, perhaps in a transaction that has changed the results of statements and may be undone.
func (s *Server) parsed(e *entry) {
	if e == nil || !s.odd {
		return
	}
	if n := s.statements.byName[e.stmt]; n != nil {
		n.odd = s.portals + 1
	}
}

// add notes that the server is given a statement.
func (l *statements) add(s *Statement, transaction uint64) *node {
	if n := l.byName[s]; n != nil {
		return n
	}
	if l.byName == nil {
		l.byName = map[*Statement]*node{}
	}
	n := &node{stmt: s, version: s.version.Load(), used: transaction, made: l.registry.serials.Add(1)}
	n.valid = n.made
	l.byName[s] = n
	l.front(n)
	l.registry.hold(s)
	return n
}

// remove notes that the server does not have a statement.
func (l *statements) remove(s *Statement) {
	n := l.byName[s]
	if n == nil {
		return
	}
	n.unlink()
	delete(l.byName, s)
	l.registry.release(s)
}

// oldest returns the statement to close before another one is added, nil while there is room or none can be spared.
func (l *statements) oldest(transaction uint64) *Statement {
	if len(l.byName) < l.limit {
		return nil
	}
	n := l.root.prev
	if n == &l.root || n.used == transaction {
		return nil
	}
	return n.stmt
}

func (l *statements) clear() {
	for s := range l.byName {
		l.registry.release(s)
	}
	l.byName = nil
	l.root.prev, l.root.next = &l.root, &l.root
}

func (l *statements) front(n *node) {
	n.prev, n.next = &l.root, l.root.next
	n.prev.next, n.next.prev = n, n
}

func (n *node) unlink() { n.prev.next, n.next.prev = n.next, n.prev }
