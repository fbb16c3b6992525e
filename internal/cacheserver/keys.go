package cacheserver

import (
	"math/rand/v2"
	"strconv"
	"time"

	"holdfast/internal/cache"
)

func keyCommands() []command {
	one, all, none := [3]int{1, 1, 1}, [3]int{1, -1, 1}, [3]int{}
	return []command{
		{"del", -2, write, all, del},
		{"unlink", -2, write, all, del},
		{"exists", -2, readOnly, all, exists},
		{"touch", -2, readOnly, all, touch},
		{"expire", -3, write, one, expire},
		{"pexpire", -3, write, one, expire},
		{"expireat", -3, write, one, expire},
		{"pexpireat", -3, write, one, expire},
		{"ttl", 2, readOnly, one, ttl},
		{"pttl", 2, readOnly, one, ttl},
		{"expiretime", 2, readOnly, one, ttl},
		{"pexpiretime", 2, readOnly, one, ttl},
		{"persist", 2, write, one, persist},
		{"type", 2, readOnly, one, typeOf},
		{"rename", 3, write, [3]int{1, 2, 1}, rename},
		{"renamenx", 3, write, [3]int{1, 2, 1}, rename},
		{"randomkey", 1, readOnly, none, randomKey},
		{"dbsize", 1, readOnly, none, dbsize},
		{"flushdb", -1, write, none, flush},
		{"flushall", -1, write, none, flush},
		{"keys", 2, readOnly, none, keys},
		{"scan", -2, readOnly, none, scan},
	}
}

func del(c *client, a [][]byte) {
	n := int64(0)
	for _, name := range a[1:] {
		if c.store.mem.Delete(c.key(name)) {
			n++
		}
	}
	c.w.Int(n)
}

func exists(c *client, a [][]byte) {
	n := int64(0)
	for _, name := range a[1:] {
		if c.store.peek(c.key(name)) != nil {
			n++
		}
	}
	c.w.Int(n)
}

func touch(c *client, a [][]byte) {
	n := int64(0)
	for _, name := range a[1:] {
		if c.store.mem.Touch(c.key(name)) {
			n++
		}
	}
	c.w.Int(n)
}

// maxMillis is the last moment that a key may end at: the cache counts microseconds in 64 bits, some 285,000 years.
const maxMillis = 9_000_000_000_000_000

// moment reads when a key is to end, in a unit, from now or from 1970. SET and its kin refuse what is not after zero.
func (c *client) moment(name string, arg []byte, unit time.Duration, absolute bool) (time.Time, bool) {
	n, ok := c.integer(arg)
	if !ok {
		return time.Time{}, false
	}
	at, ok := momentOf(n, unit, absolute)
	if n <= 0 || !ok {
		c.w.Error("ERR invalid expire time in '" + name + "' command")
		return time.Time{}, false
	}
	return at, true
}

func momentOf(n int64, unit time.Duration, absolute bool) (time.Time, bool) {
	millis := int64(unit / time.Millisecond)
	if n > maxMillis/millis || n < -maxMillis/millis {
		return time.Time{}, false
	}
	n *= millis
	if absolute {
		return time.UnixMilli(n), n <= maxMillis
	}
	at := after(time.Now(), n)
	return at, at.UnixMilli() <= maxMillis
}

// after returns a moment so many milliseconds after another; a time.Duration would end after 292 years.
func after(from time.Time, millis int64) time.Time {
	return time.UnixMicro(from.UnixMicro() + millis*1000)
}

// expire changes when a key ends; the zero time is never.
func (s *store) expire(key string, i *item, until time.Time) {
	s.version++
	i.version = s.version
	s.mem.SetDeadline(key, until)
}

// expireOptions are the conditions of EXPIRE and its kin.
type expireOptions struct{ nx, xx, gt, lt bool }

func (o *expireOptions) parse(c *client, a [][]byte) bool {
	for _, option := range a {
		switch {
		case is(option, "nx"):
			o.nx = true
		case is(option, "xx"):
			o.xx = true
		case is(option, "gt"):
			o.gt = true
		case is(option, "lt"):
			o.lt = true
		default:
			c.w.Error("ERR Unsupported option " + string(clip(option)))
			return false
		}
	}
	switch {
	case o.nx && (o.xx || o.gt || o.lt):
		c.w.Error("ERR NX and XX, GT or LT options at the same time are not compatible")
		return false
	case o.gt && o.lt:
		c.w.Error("ERR GT and LT options at the same time are not compatible")
		return false
	}
	return true
}

// expire is EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT with their conditions.
func expire(c *client, a [][]byte) {
	name := lower(a[0])
	unit := time.Second
	if name[0] == 'p' {
		unit = time.Millisecond
	}
	var o expireOptions
	if !o.parse(c, a[3:]) {
		return
	}
	n, ok := c.integer(a[2])
	if !ok {
		return
	}
	until, ok := momentOf(n, unit, name[len(name)-2:] == "at")
	if !ok {
		c.w.Error("ERR invalid expire time in '" + name + "' command")
		return
	}
	i, present := c.store.deadline(c.key(a[1]))
	never := present.IsZero() // counts as later than all others
	if i == nil || o.nx && !never || o.xx && never || o.gt && (never || !until.After(present)) || o.lt && !never && !until.Before(present) {
		c.w.Int(0)
		return
	}
	c.store.expire(c.key(a[1]), i, until)
	c.w.Int(1)
}

// ttl is TTL, PTTL, EXPIRETIME and PEXPIRETIME.
func ttl(c *client, a [][]byte) {
	name := lower(a[0])
	i, until := c.store.deadline(c.key(a[1]))
	switch {
	case i == nil:
		c.w.Int(-2)
		return
	case until.IsZero():
		c.w.Int(-1)
		return
	}
	millis := until.UnixMilli()
	if name[len(name)-1] == 'l' {
		millis = max(0, (until.UnixMicro()-time.Now().UnixMicro()+999)/1000)
	}
	switch {
	case name[0] == 'p':
	default:
		millis = (millis + 500) / 1000
	}
	c.w.Int(millis)
}

func persist(c *client, a [][]byte) {
	i, until := c.store.deadline(c.key(a[1]))
	if i == nil || until.IsZero() {
		c.w.Int(0)
		return
	}
	c.store.expire(c.key(a[1]), i, time.Time{})
	c.w.Int(1)
}

func typeOf(c *client, a [][]byte) {
	if i := c.store.peek(c.key(a[1])); i != nil {
		c.w.Simple(i.kind.String())
	} else {
		c.w.Simple("none")
	}
}

// rename is RENAME and RENAMENX.
func rename(c *client, a [][]byte) {
	from, to := c.key(a[1]), c.key(a[2])
	fresh := len(a[0]) == len("renamenx")
	i, until := c.store.deadline(from)
	if i == nil {
		c.w.Error(errNoKey)
		return
	}
	if fresh && c.store.peek(to) != nil {
		c.w.Int(0)
		return
	}
	if from != to {
		c.store.mem.Delete(from)
		if !c.store.put(to, i, until) {
			c.w.Error(errRoom)
			return
		}
	}
	if fresh {
		c.w.Int(1)
	} else {
		c.w.Simple("OK")
	}
}

func dbsize(c *client, _ [][]byte) {
	for c.store.mem.Sweep(sweepAtOnce) == sweepAtOnce {
		continue
	}
	c.w.Int(int64(c.store.count[c.db]))
}

// flush is FLUSHDB and FLUSHALL.
func flush(c *client, a [][]byte) {
	if len(a) > 2 || len(a) == 2 && !is(a[1], "async") && !is(a[1], "sync") {
		c.w.Error(errSyntax)
		return
	}
	c.store.version++
	if is(a[0], "flushdb") {
		c.store.flush(c.db)
	} else {
		c.store.mem.DeletePrefix("")
	}
	c.w.Simple("OK")
}

// each calls f for the keys in the next places of a scan that are of the client's database.
func (c *client) each(items []cache.Item[*item], f func(name string, i *item)) {
	for _, i := range items {
		if i.Key[0] == c.db {
			f(i.Key[1:], i.Value)
		}
	}
}

func keys(c *client, a [][]byte) {
	if len(a[1]) > maxPattern {
		c.w.Error("ERR pattern too long")
		return
	}
	var found []string
	pattern, bytes := string(a[1]), int64(0)
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var items []cache.Item[*item]
		items, cursor = c.store.mem.Scan(cursor, 1024)
		c.each(items, func(name string, _ *item) {
			if bytes <= maxReply && match(pattern, name) {
				found = append(found, name)
				bytes += int64(len(name))
			}
		})
	}
	c.w.Array(len(found))
	for _, name := range found {
		c.w.Text(name)
	}
}

const (
	maxPattern = 1024
	scanPlaces = 10 // of Redis: how much a SCAN looks at when nobody says
	maxCount   = 10_000
	// scanFar is how many places a SCAN looks at for each key it was asked for, while they belong to other databases.
	scanFar = 16
)

// scan is SCAN: the cursor is a place of the cache.
func scan(c *client, a [][]byte) {
	cursor, err := strconv.ParseUint(string(a[1]), 10, 64)
	if err != nil {
		c.w.Error("ERR invalid cursor")
		return
	}
	o := scanOptions{count: scanPlaces, pattern: "*"}
	if !o.parse(c, a[2:], true) {
		return
	}
	var found []string
	for looked := 0; looked < scanFar && len(found) < o.count; looked++ {
		var items []cache.Item[*item]
		items, cursor = c.store.mem.Scan(cursor, o.count)
		seen := 0
		c.each(items, func(name string, i *item) {
			seen++
			if (o.kind == "" || o.kind == i.kind.String()) && match(o.pattern, name) {
				found = append(found, name)
			}
		})
		if cursor == 0 || seen > 0 {
			break
		}
	}
	c.w.Array(2)
	c.w.Text(strconv.FormatUint(cursor, 10))
	c.w.Array(len(found))
	for _, name := range found {
		c.w.Text(name)
	}
}

// scanOptions are those of SCAN, HSCAN and SSCAN.
type scanOptions struct {
	count         int
	pattern, kind string
}

func (o *scanOptions) parse(c *client, a [][]byte, types bool) bool {
	for i := 0; i+1 < len(a) || i < len(a); i += 2 {
		if i+1 == len(a) {
			c.w.Error(errSyntax)
			return false
		}
		switch {
		case is(a[i], "match") && len(a[i+1]) <= maxPattern:
			o.pattern = string(a[i+1])
		case is(a[i], "type") && types:
			o.kind = lower(a[i+1])
		case is(a[i], "count"):
			n, ok := c.integer(a[i+1])
			if !ok {
				return false
			}
			if n < 1 {
				c.w.Error(errSyntax)
				return false
			}
			o.count = int(min(n, maxCount))
		default:
			c.w.Error(errSyntax)
			return false
		}
	}
	return true
}

// randomKey returns a key from a random place on.
func randomKey(c *client, _ [][]byte) {
	places := c.store.mem.Places()
	if c.store.count[c.db] == 0 || places == 0 {
		c.w.Null()
		return
	}
	start := rand.N(uint64(places))
	for cursor, wrapped := start, false; ; {
		items, next := c.store.mem.Scan(cursor, 64)
		for _, i := range items {
			if i.Key[0] == c.db {
				c.w.Text(i.Key[1:])
				return
			}
		}
		if cursor = next; next == 0 {
			if wrapped {
				c.w.Null()
				return
			}
			wrapped = true
		}
	}
}
