package cacheserver

import (
	"bytes"
	"cmp"
	"slices"
)

// PrefixStatus counts the reads of keys that begin alike.
type PrefixStatus struct {
	Prefix string `json:"prefix"` // "*" for all that found no place among the first
	Hits   int64  `json:"hits"`
	Misses int64  `json:"misses"`
}

const (
	maxPrefixes = 64
	prefixBytes = 48 // what is looked at of a key
)

// prefixes counts reads by the beginning of the key: what tells an application's caches from each other. Frameworks write
// it before a colon or a slash, Django after the version of the key (":1:views…").
type prefixes map[string]*PrefixStatus

func (p prefixes) count(key []byte, hit bool) {
	name := prefixOf(key)
	s := p[string(name)]
	if s == nil {
		text := string(name)
		if len(p) >= maxPrefixes {
			text = "*"
		}
		if s = p[text]; s == nil {
			s = &PrefixStatus{Prefix: text}
			p[text] = s
		}
	}
	if hit {
		s.Hits++
	} else {
		s.Misses++
	}
}

// prefixOf returns a key up to the first mark after its first letter, without a mark "".
func prefixOf(key []byte) []byte {
	key = key[:min(len(key), prefixBytes)]
	start := bytes.IndexFunc(key, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' })
	if start < 0 {
		return nil
	}
	end := bytes.IndexAny(key[start:], ":/.")
	if end < 0 {
		return nil
	}
	return key[:start+end+1]
}

func (p prefixes) list() []PrefixStatus {
	all := make([]PrefixStatus, 0, len(p))
	for _, s := range p {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b PrefixStatus) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), cmp.Compare(a.Prefix, b.Prefix))
	})
	return all
}
