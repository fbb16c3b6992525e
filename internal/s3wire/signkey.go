package s3wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"

	"holdfast/internal/secret"
)

// signKey is the key of one secret, day and region, with running MACs to borrow: a fresh HMAC costs more than the
// signature itself.
type signKey struct {
	macs sync.Pool // of hash.Hash
}

func newSignKey(key secret.String, date, region string) *signKey {
	k := deriveKey(key, date, region)
	return &signKey{macs: sync.Pool{New: func() any { return hmac.New(sha256.New, k) }}}
}

// deriveKey computes the signing key: a chain of HMACs over the parts of the scope.
func deriveKey(key secret.String, date, region string) []byte {
	k := hmacSHA256([]byte("AWS4"+key.Reveal()), date)
	k = hmacSHA256(k, region)
	k = hmacSHA256(k, service)
	return hmacSHA256(k, terminator)
}

func hmacSHA256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// sign puts the MAC of text into dst.
func (k *signKey) sign(dst *[sha256.Size]byte, text []byte) {
	mac := k.macs.Get().(hash.Hash)
	mac.Reset()
	mac.Write(text)
	mac.Sum(dst[:0])
	k.macs.Put(mac)
}

// maxSignKeys bounds the cache: an endpoint has a few keys in use, each with one region and one or two days.
const maxSignKeys = 1024

// signKeys remembers signing keys that proved right.
type signKeys struct {
	mu sync.RWMutex // protects the following
	m  map[signKeyName]*signKey
}

type signKeyName struct{ secret, date, region string }

func newSignKeys() *signKeys { return &signKeys{m: make(map[signKeyName]*signKey)} }

// get returns the key and whether it came from the cache.
func (c *signKeys) get(key secret.String, date, region string) (*signKey, bool) {
	c.mu.RLock()
	k := c.m[signKeyName{key.Reveal(), date, region}]
	c.mu.RUnlock()
	if k != nil {
		return k, true
	}
	return newSignKey(key, date, region), false
}

// put remembers a key, in place of any other one when the cache is full. The strings are copied: they are slices of a
// request's header.
func (c *signKeys) put(key secret.String, date, region string, k *signKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= maxSignKeys {
		for old := range c.m {
			delete(c.m, old)
			break
		}
	}
	c.m[signKeyName{key.Reveal(), strings.Clone(date), strings.Clone(region)}] = k
}
