package revision

import (
	"errors"
	"fmt"
	"strings"
)

// maxSegments bounds a pattern, so that a set of positions in it fits into a word.
const maxSegments = 32

// pattern is a compiled path: "questions/{id...}". It is matched segment by segment while a tree is walked; the state of a
// match is a set of positions, with bit i set when i of its segments have been used up.
type pattern []segment

type segment struct {
	kind segmentKind
	text string // the literal, the glob, or the name of the capture
}

type segmentKind uint8

const (
	literal segmentKind = iota
	glob
	one  // {name}
	many // {name...}
)

// positions is a set of positions in a pattern.
type positions uint64

// start is the set before the first segment.
const start positions = 1

// parsePattern compiles a path. "." is the pattern of the root.
func parsePattern(text string) (pattern, error) {
	if text == "." {
		return pattern{}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) > maxSegments {
		return nil, fmt.Errorf("has more than %d segments", maxSegments)
	}
	p := make(pattern, len(parts))
	for i, part := range parts {
		s, err := parseSegment(part)
		if err != nil {
			return nil, err
		}
		p[i] = s
	}
	return p, nil
}

func parseSegment(text string) (segment, error) {
	switch {
	case text == "" || text == "." || text == "..":
		return segment{}, fmt.Errorf("segment %q: want a name", text)
	case strings.ContainsRune(text, 0):
		return segment{}, errors.New("has a NUL")
	case !strings.ContainsAny(text, "{}"):
		if strings.Contains(text, "*") {
			return segment{glob, text}, nil
		}
		return segment{literal, text}, nil
	}
	name, opened := strings.CutPrefix(text, "{")
	name, closed := strings.CutSuffix(name, "}")
	kind := one
	if n, ok := strings.CutSuffix(name, "..."); ok {
		name, kind = n, many
	}
	if !opened || !closed || !isName(name) {
		return segment{}, fmt.Errorf("segment %q: want {name} or {name...}", text)
	}
	return segment{kind, name}, nil
}

// isName reports what may name a rule, a profile or a capture: a letter, then letters, digits, "_" and "-".
func isName(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || (r < '0' || r > '9') && r != '_' && r != '-') {
			return false
		}
	}
	return s != ""
}

// step returns where a match stands after one more segment of a path; 0 is nowhere.
func (p pattern) step(at positions, name string) positions {
	var next positions
	for i := 0; i <= len(p) && at>>i != 0; i++ {
		if at&(1<<i) == 0 {
			continue
		}
		if i < len(p) && p[i].matches(name) {
			next |= 1 << (i + 1)
		}
		if i > 0 && p[i-1].kind == many {
			next |= 1 << i
		}
	}
	return next
}

// leave takes away the positions in or behind a capture of several segments that has just taken up a name: such a capture does
// not reach through the directory of a chunk.
func (p pattern) leave(at positions) positions {
	for i, s := range p {
		if s.kind == many {
			at &^= 1 << (i + 1)
		}
	}
	return at
}

// done reports whether the whole pattern has matched.
func (p pattern) done(at positions) bool { return at&(1<<len(p)) != 0 }

// match reports whether the pattern matches a path.
func (p pattern) match(path string) bool {
	at := start
	for name := range strings.SplitSeq(path, "/") {
		if at = p.step(at, name); at == 0 {
			return false
		}
	}
	return p.done(at)
}

// captures returns what the captures of the pattern stand for in a path that it matches; where several readings are
// possible, the one whose first captures are shortest.
func (p pattern) captures(path string) []string {
	if path == "" {
		return nil
	}
	names := strings.Split(path, "/")
	ends := make([]int, len(p)) // where the segments of the pattern end in names
	if !p.assign(names, 0, 0, ends, map[[2]int]bool{}) {
		return nil
	}
	var out []string
	from := 0
	for i, s := range p {
		if s.kind == one || s.kind == many {
			out = append(out, strings.Join(names[from:ends[i]], "/"))
		}
		from = ends[i]
	}
	return out
}

// assign finds the ends of the segments from i on, for names from j on. failed remembers dead ends, so that the work is
// bounded by the lengths of pattern and path.
func (p pattern) assign(names []string, i, j int, ends []int, failed map[[2]int]bool) bool {
	if i == len(p) {
		return j == len(names)
	}
	if failed[[2]int{i, j}] {
		return false
	}
	for n := j; n < len(names) && p[i].matches(names[n]); n++ {
		ends[i] = n + 1
		if p.assign(names, i+1, n+1, ends, failed) {
			return true
		}
		if p[i].kind != many {
			break
		}
	}
	failed[[2]int{i, j}] = true
	return false
}

// capturing reports whether the pattern has captures.
func (p pattern) capturing() bool {
	for _, s := range p {
		if s.kind == one || s.kind == many {
			return true
		}
	}
	return false
}

// fixedEnd reports whether the last segment is a literal.
func (p pattern) fixedEnd() bool { return len(p) > 0 && p[len(p)-1].kind == literal }

func (s segment) matches(name string) bool {
	switch s.kind {
	case literal:
		return s.text == name
	case glob:
		return matchGlob(s.text, name)
	}
	return name != ""
}

// matchGlob matches a name with a pattern in which "*" stands for any bytes.
func matchGlob(text, name string) bool {
	parts := strings.Split(text, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(name) < len(first)+len(last) || !strings.HasPrefix(name, first) || !strings.HasSuffix(name, last) {
		return false
	}
	name = name[len(first) : len(name)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return true
}
