package metrics

import (
	"sync"
	"unicode/utf8"
)

// Other is the label value of everything beyond a bound.
const Other = "other"

// maxLabel is the longest label value in bytes that a Bound lets through.
const maxLabel = 128

// Bound limits the number of different values of a label: the first so many are kept, all later ones become "other".
// It is safe for concurrent use.
type Bound struct {
	limit int
	mu    sync.RWMutex // protects the following
	known map[string]struct{}
}

// NewBound returns a Bound that keeps limit values.
func NewBound(limit int) *Bound {
	return &Bound{limit: limit, known: make(map[string]struct{}, limit)}
}

// Value returns v if it is among the values kept, or becomes one of them; else Other. Values that are longer than 128
// bytes or not UTF-8 (which Prometheus panics on) are Other at once.
func (b *Bound) Value(v string) string {
	b.mu.RLock()
	_, ok := b.known[v]
	full := len(b.known) >= b.limit
	b.mu.RUnlock()
	switch {
	case ok:
		return v
	case full || len(v) > maxLabel || !utf8.ValidString(v):
		return Other
	}
	return b.admit(v)
}

func (b *Bound) admit(v string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[v]; !ok && len(b.known) >= b.limit {
		return Other
	}
	b.known[v] = struct{}{}
	return v
}
