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
	prev, next *node
}

func (l *statements) init(r *Registry, limit int) {
	l.registry, l.limit = r, limit
	l.root.prev, l.root.next = &l.root, &l.root
}

// use reports whether the server has a statement as it is now, and marks it as used by a transaction.
func (l *statements) use(s *Statement, transaction uint64) bool {
	n := l.byName[s]
	if n == nil || n.version != s.version.Load() {
		return false
	}
	n.used = transaction
	if l.root.next != n {
		n.unlink()
		l.front(n)
	}
	return true
}

// add notes that the server is given a statement.
func (l *statements) add(s *Statement, transaction uint64) {
	if l.byName[s] != nil {
		return
	}
	if l.byName == nil {
		l.byName = map[*Statement]*node{}
	}
	n := &node{stmt: s, version: s.version.Load(), used: transaction}
	l.byName[s] = n
	l.front(n)
	l.registry.hold(s)
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
