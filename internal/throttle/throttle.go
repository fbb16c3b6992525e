package throttle

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Request is what rules look at.
type Request struct {
	Path     []string // all readings of the path; a rule that matches one of them applies
	Method   string
	Addr     netip.Addr // zero: a Unix socket
	Identity string     // the value of the cookie or header; "" for none
}

// Refused says what a request above a limit gets.
type Refused struct {
	Rule  Rule
	Retry time.Duration // after which the next one may succeed; never 0
}

// Throttle holds requests to rules.
type Throttle struct {
	books  []*book
	exempt []netip.Prefix
}

// New makes a throttle of rules that were validated.
func New(rules []Rule, exempt []netip.Prefix) *Throttle {
	t := &Throttle{exempt: exempt}
	for _, r := range rules {
		t.books = append(t.books, newBook(r))
	}
	return t
}

// With returns a throttle of other rules. Rules that are the same go on counting, what is under way included.
func (t *Throttle) With(rules []Rule, exempt []netip.Prefix) *Throttle {
	next := &Throttle{exempt: exempt}
	left := slices.Clone(t.books)
	for _, r := range rules {
		i := slices.IndexFunc(left, func(b *book) bool { return reflect.DeepEqual(b.rule, r) })
		if i < 0 {
			next.books = append(next.books, newBook(r))
			continue
		}
		next.books = append(next.books, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return next
}

// Covers reports whether there is a rule for a path that begins as this one does.
func (t *Throttle) Covers(prefix string) bool {
	return slices.ContainsFunc(t.books, func(b *book) bool {
		return strings.HasPrefix(b.rule.Path, prefix) || strings.HasPrefix(prefix, b.rule.Path)
	})
}

// taken is what a request holds of a rule.
type taken struct {
	book *book
	key  string
}

// Enter asks all rules. When leave is not nil, the request may go on and calls it at its end; else it is refused.
func (t *Throttle) Enter(ctx context.Context, q Request) (leave func(), refused Refused) {
	if t.isExempt(q.Addr) {
		return func() {}, Refused{}
	}
	now := time.Now()
	var rates, places []taken
	undo := func() {
		for _, h := range places {
			h.book.leave(h.key)
		}
	}
	for _, b := range t.books {
		if !b.rule.matches(q) {
			continue
		}
		key := b.rule.key(q)
		retry, ok := b.spend(key, now)
		if !ok {
			for _, h := range rates {
				h.book.refund(h.key)
			}
			undo()
			return nil, Refused{b.rule, max(retry, time.Millisecond)}
		}
		rates = append(rates, taken{b, key})
		if !b.enter(ctx, key) {
			for _, h := range rates {
				h.book.refund(h.key)
			}
			undo()
			return nil, Refused{b.rule, time.Second}
		}
		places = append(places, taken{b, key})
	}
	return undo, Refused{}
}

// Pass is Enter for who must not wait: it reports false, with nothing taken, where a rule refuses, or would have to count the request while it is under
// way, or wants an identity. Enter is to be asked then.
func (t *Throttle) Pass(q Request) bool {
	if len(t.books) == 0 || t.isExempt(q.Addr) {
		return true
	}
	now := time.Now()
	for i, b := range t.books {
		if !b.rule.matches(q) {
			continue
		}
		ok := b.rule.Concurrent == 0 && b.rule.By != ByIdentity
		if ok {
			_, ok = b.spend(b.rule.key(q), now)
		}
		if !ok {
			t.refund(t.books[:i], q)
			return false
		}
	}
	return true
}

// refund gives back what a request that is refused cost so far.
func (t *Throttle) refund(books []*book, q Request) {
	for _, b := range books {
		if b.rule.matches(q) {
			b.refund(b.rule.key(q))
		}
	}
}

func (t *Throttle) isExempt(a netip.Addr) bool {
	return slices.ContainsFunc(t.exempt, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

func (r Rule) matches(q Request) bool {
	return (len(r.Methods) == 0 || slices.Contains(r.Methods, q.Method)) &&
		slices.ContainsFunc(q.Path, func(p string) bool { return strings.HasPrefix(p, r.Path) })
}

// key names whom the request counts for. An identity is kept as its digest: it may be a session's secret.
func (r Rule) key(q Request) string {
	switch {
	case r.By == ByRoute:
		return ""
	case r.By == ByIdentity && q.Identity != "":
		sum := sha256.Sum256([]byte(q.Identity))
		return "i" + string(sum[:16])
	}
	return AddressKey(q.Addr)
}
