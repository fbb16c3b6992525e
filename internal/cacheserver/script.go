package cacheserver

import (
	"crypto/sha1" //nolint:gosec // the name of a script in the protocol, no protection
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"
	"unicode"
)

// script does what a known script says; keys and args are those that EVAL was given.
type script struct {
	keys, args int // at least
	run        func(c *client, keys, args [][]byte)
}

// knownScripts are the scripts that caches and locks of frameworks bring, by the SHA-256 of their text without white space and
// with double quotes. Their tests take the texts from the libraries themselves.
func knownScripts() map[string]script {
	return map[string]script{
		// redis-py, Lock.release: delete the key if it holds the token
		"fbdea9e05b7154b42e318d3b8380e59acac876ba2f48d5cd06b296949f0487be": {1, 1, releaseLock},
		// the same in the words of Redis' manual, as most libraries have it
		"47b9c643d483d139c942dbfc2541aa15d23a98697d6b77692947d72f1a1847dc": {1, 1, releaseLock},
		// redis-py, Lock.extend: more time, on top or in place of what is left
		"0ee796f6ff78281da02abd2062eb1d184489135085a7c7303bb8891d1979db08": {1, 3, extendLock},
		// redis-py, Lock.reacquire: the full time again
		"edd0ed102e2269e0a2c23407b5cfde2d0f555435d522ed69cc3aaadd398875b8": {1, 2, reacquireLock},
		// the same as other libraries have it
		"4e4469cffb907e2c1e69315e25a41e0f1ec0c426e990e2e8edd0e212050ef3c7": {1, 2, reacquireLock},
		// django-redis, incr: count a key that is there
		"9f61778410a0598f4b8643155820896ef77ddb26d6cc86cf66dbff109147b563": {1, 1, incrExisting},
		// django-redis, incr with ignore_key_check
		"6352d0db185e829b5b559fb4622ddb0ef8cd663991f7a96d93cfdf926f293be7": {1, 1, func(c *client, keys, args [][]byte) { c.evalAdd(keys[0], args[0]) }},
	}
}

const errNoScript = "NOSCRIPT No matching script. Please use EVAL."

const errScript = "ERR this cache runs no scripts but the well-known ones of locks; for all of Redis set cache.redis"

// scripts are the known ones, and what clients called them: the SHA-1 of their text as they wrote it.
type scripts struct {
	mu    sync.Mutex // protects the following
	known map[string]script
	names map[string]script
}

// maxScriptNames bounds what is remembered: each text is known, but white space varies.
const maxScriptNames = 256

// learn returns the script with a text, and its name.
func (s *scripts) learn(text []byte) (script, string, bool) {
	if len(text) > 4096 {
		return script{}, "", false
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r == '\'':
			return '"'
		}
		return r
	}, string(text))
	digest := sha256.Sum256([]byte(plain))
	name := sha1.Sum(text) //nolint:gosec // as above
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known, s.names = knownScripts(), map[string]script{}
	}
	found, ok := s.known[hex.EncodeToString(digest[:])]
	if ok && len(s.names) < maxScriptNames {
		s.names[hex.EncodeToString(name[:])] = found
	}
	return found, hex.EncodeToString(name[:]), ok
}

func (s *scripts) named(name string) (script, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.names[name]
	return found, ok
}

// eval is EVAL and EVALSHA.
func eval(c *client, a [][]byte) {
	n, ok := c.integer(a[2])
	switch {
	case !ok:
		return
	case n < 0:
		c.w.Error("ERR Number of keys can't be negative")
		return
	case n > int64(len(a)-3):
		c.w.Error("ERR Number of keys can't be greater than number of args")
		return
	}
	var found script
	if len(a[0]) == len("evalsha") {
		if found, ok = c.server.texts.named(lower(a[1])); !ok {
			c.w.Error(errNoScript)
			return
		}
	} else if found, _, ok = c.server.texts.learn(a[1]); !ok {
		c.w.Error(errScript)
		return
	}
	keys, args := a[3:3+n], a[3+n:]
	if len(keys) < found.keys || len(args) < found.args {
		c.w.Error("ERR too few keys or arguments for this script")
		return
	}
	found.run(c, keys, args)
}

// scriptCommand is SCRIPT LOAD, EXISTS and FLUSH.
func scriptCommand(c *client, a [][]byte) {
	switch {
	case is(a[1], "load") && len(a) == 3:
		if _, name, ok := c.server.texts.learn(a[2]); ok {
			c.w.Text(name)
		} else {
			c.w.Error(errScript)
		}
	case is(a[1], "exists") && len(a) > 2:
		c.w.Array(len(a) - 2)
		for _, name := range a[2:] {
			_, ok := c.server.texts.named(lower(name))
			c.w.Bool(ok)
		}
	case is(a[1], "flush"):
		c.server.texts.mu.Lock()
		clear(c.server.texts.names)
		c.server.texts.mu.Unlock()
		c.w.Simple("OK")
	default:
		c.w.Error(unknownSub(a))
	}
}

// owns reports whether a key holds a token; if not it has answered.
func (c *client) owns(name, token []byte) (i *item, until time.Time, ok bool) {
	i, until = c.store.deadline(c.key(name))
	if i, ok = c.ofKind(i, kindString); !ok {
		return nil, until, false
	}
	if i == nil || string(i.str) != string(token) {
		c.w.Int(0)
		return nil, until, false
	}
	return i, until, true
}

func releaseLock(c *client, keys, args [][]byte) {
	if _, _, ok := c.owns(keys[0], args[0]); ok {
		c.store.mem.Delete(c.key(keys[0]))
		c.w.Int(1)
	}
}

func extendLock(c *client, keys, args [][]byte) {
	i, until, ok := c.owns(keys[0], args[0])
	if !ok {
		return
	}
	if until.IsZero() {
		c.w.Int(0)
		return
	}
	from := time.Now()
	if string(args[2]) == "0" {
		from = until
	}
	c.endAfter(keys[0], i, args[1], from)
}

func reacquireLock(c *client, keys, args [][]byte) {
	if i, _, ok := c.owns(keys[0], args[0]); ok {
		c.endAfter(keys[0], i, args[1], time.Now())
	}
}

// endAfter gives a key so many milliseconds from a moment on.
func (c *client) endAfter(name []byte, i *item, millis []byte, from time.Time) {
	n, ok := c.integer(millis)
	if !ok {
		return
	}
	if n > maxMillis-from.UnixMilli() || n < -maxMillis {
		c.w.Error("ERR invalid expire time in 'pexpire' command")
		return
	}
	c.store.expire(c.key(name), i, after(from, n))
	c.w.Int(1)
}

func incrExisting(c *client, keys, args [][]byte) {
	if c.store.peek(c.key(keys[0])) == nil {
		c.w.Null()
		return
	}
	c.evalAdd(keys[0], args[0])
}

func (c *client) evalAdd(name, by []byte) {
	if n, ok := c.integer(by); ok {
		c.add(name, n)
	}
}
