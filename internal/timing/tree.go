package timing

import "strings"

const (
	// Other stands for paths that could not be told apart.
	Other = "(other)"
	// star stands for segments that differ from request to request.
	star = "*"
	// deep is how many segments of a path are looked at.
	deep = 8
	// wide is how many different segments may stand in one place before they become a star; at the root there may be wideRoot.
	wide, wideRoot = 25, 100
	// maxRoutes bounds the routes with numbers of their own; maxNodes the segments that are known.
	maxRoutes, maxNodes = 500, 5000
	// longest is how long a segment may be that is not a star.
	longest = 40
)

// tree is what is known of the paths of one application.
type tree struct {
	root   node
	nodes  int
	folded bool // since the routes were counted last
}

// node is a segment in its place.
type node struct {
	below  map[string]*node
	folded bool               // all below are one star
	stats  map[string]*counts // by method
}

// counts are the numbers of a route: of this half hour and of the one before.
type counts struct{ now, before window }

// segments cuts a path. One that ends with a slash has an empty last segment: it is another route.
func segments(path string) []string {
	all := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(all) > deep {
		all = append(all[:deep], star)
	}
	for i, s := range all {
		if varies(s) {
			all[i] = star
		}
	}
	return all
}

// varies reports whether a segment looks like the name of one thing among many: a number, a digest, a UUID, a sentence.
func varies(s string) bool {
	if len(s) > longest {
		return true
	}
	digits, letters, others := 0, 0, 0
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
			letters++
		case c != '-':
			others++
		}
	}
	switch {
	case digits == 0:
		return false
	case letters+others == 0: // 17, 2026-07-14
		return true
	}
	return others == 0 && digits+letters >= 8 || digits >= 6
}

// find returns the node of a path; nil if it is not known. With learn it becomes known, if there is room.
func (t *tree) find(path string, learn bool) (n *node, pattern string) {
	n = &t.root
	var b strings.Builder
	for depth, s := range segments(path) {
		if n.folded {
			s = star
		}
		if n.below[s] == nil {
			if !learn || t.nodes >= maxNodes {
				return nil, Other
			}
			s = t.grow(n, s, depth)
		}
		n = n.below[s]
		b.WriteString("/" + s)
	}
	return n, b.String()
}

// grow makes room for a segment below n, and returns what it is called there.
func (t *tree) grow(n *node, s string, depth int) string {
	limit := wide
	if depth == 0 {
		limit = wideRoot
	}
	if len(n.below) >= limit {
		t.fold(n)
		s = star
	}
	if n.below == nil {
		n.below = map[string]*node{}
	}
	if n.below[s] == nil {
		n.below[s] = &node{}
		t.nodes++
	}
	return s
}

// fold makes all segments below n one star.
func (t *tree) fold(n *node) {
	n.fold()
	t.nodes, t.folded = t.root.size(), true
}

func (n *node) fold() {
	all := &node{}
	for _, child := range n.below {
		all.absorb(child)
	}
	n.folded, n.below = true, map[string]*node{star: all}
}

// absorb adds another node, and all below it.
func (n *node) absorb(o *node) {
	for method, c := range o.stats {
		n.counts(method).merge(c)
	}
	for s, child := range o.below {
		if n.below == nil {
			n.below = map[string]*node{}
		}
		if n.below[s] == nil {
			n.below[s] = &node{}
		}
		n.below[s].absorb(child)
	}
	if n.folded = n.folded || o.folded || len(n.below) > wide; n.folded && (len(n.below) > 1 || n.below[star] == nil) {
		n.fold()
	}
}

// counts returns the numbers of a method.
func (n *node) counts(method string) *counts {
	if n.stats == nil {
		n.stats = map[string]*counts{}
	}
	if n.stats[method] == nil {
		n.stats[method] = &counts{}
	}
	return n.stats[method]
}

func (c *counts) merge(o *counts) {
	c.now.merge(&o.now)
	c.before.merge(&o.before)
}

// size counts the nodes below n.
func (n *node) size() int {
	total := 0
	for _, child := range n.below {
		total += 1 + child.size()
	}
	return total
}

// each calls f for every node with its pattern.
func (n *node) each(pattern string, f func(pattern string, n *node)) {
	f(pattern, n)
	for s, child := range n.below {
		child.each(pattern+"/"+s, f)
	}
}

// prune removes what has no numbers any more, and reports whether n itself has none.
func (n *node) prune() bool {
	for s, child := range n.below {
		if child.prune() {
			delete(n.below, s)
		}
	}
	return len(n.stats) == 0 && len(n.below) == 0
}
