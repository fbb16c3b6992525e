package blob

import (
	"crypto/rand"
	"strings"
)

// The sentinel is a small text that a store holds besides its blobs: this is a store, it is complete, and this is its
// id. What should be a store and has no sentinel is not mounted, or not the right one.
const (
	sentinelHead = "holdfast blob store, format 1\n"
	sentinelTail = "Do not remove: its absence means that the store is not mounted.\n"
)

// NewSentinel returns the sentinel of a new store, with a random id.
func NewSentinel() []byte { return []byte(sentinelHead + "id " + rand.Text() + "\n" + sentinelTail) }

// ParseSentinel returns the id of a sentinel; ok is false when the text is none, or one of another format.
func ParseSentinel(text []byte) (id string, ok bool) {
	rest, ok := strings.CutPrefix(string(text), sentinelHead+"id ")
	if !ok {
		return "", false
	}
	if id, _, ok = strings.Cut(rest, "\n"); !ok || id == "" {
		return "", false
	}
	return id, true
}
