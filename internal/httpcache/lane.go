package httpcache

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"holdfast/internal/lane"
)

// Guest is who sends a request on the lane, as far as the front knows.
type Guest struct {
	Scheme, Host string
	Path         string                 // decoded, and the same however it is read
	Removed      func(name string) bool // which fields the application never sees, by their canonical names
}

// Found is a stored answer that may be given as it is.
type Found struct {
	c         *Cache
	rule      *rule
	o, first  *object // first lies in the slot of the address
	now       time.Time
	unchanged bool // the visitor has it already
}

// maxInLane is the longest body that is sent on the lane: it is sent in one go, and others wait meanwhile.
const maxInLane = 1 << 20

// Find returns the answer to a request of the lane when it is stored, in memory and fresh, and when nothing more has to be known or done to
// give it: it says yes only where ServeHTTP would answer the same, from the same object. It counts nothing and allocates nothing.
func (c *Cache) Find(q *lane.Request, g *Guest) (Found, bool) {
	s := c.settings.Load()
	f := Found{c: c, rule: s.rule(g.Path)}
	if q.Get(lane.Authorization) != nil || q.Get(lane.Range) != nil || q.Get(lane.IfMatch) != nil || q.Get(lane.IfUnmodifiedSince) != nil ||
		s.bypassed(g.Path) || !c.plain(s, q, g) {
		return f, false
	}
	var room [256]byte
	address := appendAddress(room[:0], g.Scheme, g.Host, view(q.Path), f.rule.query(view(q.Query)))
	var ok bool
	if f.first, _, ok = c.store.memory.Peek(view(address)); !ok {
		return f, false
	}
	p := picker{q: q, g: g, cookie: f.rule.foreign(view(q.Get(lane.Cookie)))}
	if f.o, ok = p.pick(c.store, f.first, address); !ok || !f.o.isFor(p.cookie, false) {
		return f, false
	}
	if f.now = c.now(); f.o.onDisk || !f.o.fresh(f.now) || f.o.size > maxInLane || f.o.lines.of(f.o).odd {
		return f, false
	}
	if f.o.status == http.StatusOK {
		f.unchanged = f.o.lines.has(q)
	}
	return f, true
}

// plain reports whether a request has no field that selects, or that this cache obeys.
func (c *Cache) plain(s *settings, q *lane.Request, g *Guest) bool {
	for name := range q.All() {
		var room [32]byte
		if lower := lowered(name, room[:]); lower != nil {
			if bytes.HasPrefix(lower, []byte("sec-")) || string(lower) == "host" {
				continue
			}
			if directs, known := quiet[string(lower)]; known {
				if directs && s.clientDirectives {
					return false
				}
				continue
			}
		}
		if canonical := http.CanonicalHeaderKey(string(name)); !g.Removed(canonical) && !harmless[canonical] && !strings.HasPrefix(canonical, "Sec-") {
			return false
		}
	}
	return true
}

// quiet are the harmless fields by their names in lower case; those that are true may direct the cache.
var quiet = quietNames()

func quietNames() map[string]bool {
	all := map[string]bool{}
	for name := range harmless {
		all[strings.ToLower(name)] = name == "Cache-Control" || name == "Pragma"
	}
	return all
}

// lowered writes a name in lower case, or returns nil when there is no room for it.
func lowered(name, room []byte) []byte {
	if len(name) > len(room) {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		room[i] = b
	}
	return room[:len(name)]
}

// picker finds out which of the answers of an address a request wants.
type picker struct {
	q      *lane.Request
	g      *Guest
	cookie bool // with one that is not ignored
}

// pick returns the answer, given the first one of the address.
func (p *picker) pick(s *store, first *object, address []byte) (*object, bool) {
	if len(first.selectors) == 0 {
		return first, first.choice == ""
	}
	var room [512]byte
	b := beginChoice(room[:0], first.salt, "")
	for _, name := range first.selectors {
		b = p.value(b, name)
	}
	var digits [choiceLen]byte
	choice := endChoice(b, &digits)
	if string(choice) == first.choice {
		return first, true
	}
	slot := append(append(address, '\n'), choice...) // as slotOf writes it
	o, _, ok := s.memory.Peek(view(slot))
	return o, ok
}

// value adds what the application would see of a field, as identity.value says it.
func (p *picker) value(b []byte, name string) []byte {
	switch {
	case name == "Accept-Encoding":
		coding := codingOf(view(p.q.Get(lane.AcceptEncoding)))
		return appendChoice(b, name, coding, coding != "")
	case name == "Cookie" && !p.cookie || name == "Host" || p.g.Removed(name):
		return appendChoice(b, name, "", false)
	}
	seen := false
	for n, value := range p.q.All() {
		switch {
		case !strings.EqualFold(view(n), name):
			continue
		case !seen:
			b, seen = append(append(b, name...), '+'), true
		default:
			b = append(b, ", "...)
		}
		b = append(b, value...)
	}
	if !seen {
		return appendChoice(b, name, "", false)
	}
	return append(b, '\n')
}

// has reports whether the visitor has the answer already (RFC 9110 sections 13.1.2, 13.1.3 and 13.2.2).
func (l *lines) has(q *lane.Request) bool {
	if list := q.Get(lane.IfNoneMatch); len(list) > 0 {
		return matches(view(list), l.etag)
	}
	since := q.Get(lane.IfModifiedSince)
	if len(since) == 0 || l.modified.IsZero() || l.modified.Unix() == 0 {
		return false
	}
	t, err := http.ParseTime(view(since))
	return err == nil && !l.modified.Truncate(time.Second).After(t)
}

// Give answers with what was found, and counts it.
func (f *Found) Give(r *lane.Reply) {
	f.write(r)
	f.c.store.memory.Hit(f.first.slot)
	if f.o != f.first {
		f.c.store.memory.Hit(f.o.slot)
	}
	f.c.tell(context.Background(), f.rule, Hit)
}

func (f *Found) write(r *lane.Reply) {
	o, l := f.o, f.o.lines
	r.Status, r.Dated = o.status, l.dated
	if f.unchanged {
		r.Status = http.StatusNotModified
		r.Lines(l.unchanged)
	} else {
		r.Lines(l.usual)
		r.Body(o.body)
	}
	var room [64]byte
	r.Header("Age", view(strconv.AppendInt(room[:0], int64(o.age(f.now)/time.Second), 10)))
	r.Header("Cache-Status", view(strconv.AppendInt(append(room[:0], "holdfast; hit; ttl="...), int64(o.left(f.now)/time.Second), 10)))
}

// view returns bytes as a text without copying them: nobody keeps it, and the bytes do not change meanwhile.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
