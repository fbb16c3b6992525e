package cacheserver

import (
	"bytes"
	"time"
)

func stringCommands() []command {
	one, all := [3]int{1, 1, 1}, [3]int{1, -1, 1}
	return []command{
		{"get", 2, readOnly, one, get},
		{"set", -3, write, one, set},
		{"setnx", 3, write, one, setnx},
		{"setex", 4, write, one, setex},
		{"psetex", 4, write, one, setex},
		{"getset", 3, write, one, getset},
		{"getex", -2, write, one, getex},
		{"getdel", 2, write, one, getdel},
		{"mget", -2, readOnly, all, mget},
		{"mset", -3, write, [3]int{1, -1, 2}, mset},
		{"msetnx", -3, write, [3]int{1, -1, 2}, mset},
		{"append", 3, write, one, appendTo},
		{"strlen", 2, readOnly, one, strlen},
		{"getrange", 4, readOnly, one, getrange},
		{"substr", 4, readOnly, one, getrange},
		{"setrange", 4, write, one, setrange},
	}
}

// text returns the string at a key for a read that counts; nil when there is none. It reports false, having answered, when
// the key holds something else.
func (c *client) text(name []byte) (*item, bool) {
	i, hit := c.store.mem.Get(c.key(name))
	c.store.prefix.count(name, hit)
	if hit && i.kind != kindString {
		c.w.Error(errType)
		return nil, false
	}
	return i, true
}

func (c *client) bulkOf(i *item) {
	if i == nil {
		c.w.Null()
	} else {
		c.w.Bulk(i.str)
	}
}

// setText keeps a string and reports whether there was room; if not it has answered.
func (c *client) setText(name, value []byte, until time.Time) bool {
	if int64(len(value)) > c.server.maxValue() {
		c.w.Error(errTooLarge)
		return false
	}
	if !c.store.put(c.key(name), &item{kind: kindString, str: value}, until) {
		c.w.Error(errRoom)
		return false
	}
	return true
}

func get(c *client, a [][]byte) {
	if i, ok := c.text(a[1]); ok {
		c.bulkOf(i)
	}
}

// setOptions are those of SET and GETEX.
type setOptions struct {
	nx, xx, get, keep, persist bool

	when     []byte // nil for no time
	unit     time.Duration
	absolute bool
}

// moment returns when the key is to end, zero for no time; it reports false, having answered, when that makes no sense.
func (o *setOptions) moment(c *client, name string) (time.Time, bool) {
	if o.when == nil {
		return time.Time{}, true
	}
	return c.moment(name, o.when, o.unit, o.absolute)
}

// parse reads options; it reports false, having answered, when they make no sense.
func (o *setOptions) parse(c *client, getex bool, a [][]byte) bool {
	timed := false
	for i := 0; i < len(a); i++ {
		u, abs, isTime := timeOption(a[i])
		switch {
		case is(a[i], "nx") && !o.xx && !getex:
			o.nx = true
		case is(a[i], "xx") && !o.nx && !getex:
			o.xx = true
		case is(a[i], "get") && !getex:
			o.get = true
		case is(a[i], "keepttl") && !timed && !getex:
			o.keep = true
		case is(a[i], "persist") && !timed && getex:
			o.persist = true
		case isTime && i+1 < len(a) && !timed && !o.keep && !o.persist:
			timed, o.unit, o.absolute, o.when = true, u, abs, a[i+1]
			i++
		default:
			c.w.Error(errSyntax)
			return false
		}
	}
	return true
}

func timeOption(a []byte) (unit time.Duration, absolute, ok bool) {
	switch {
	case is(a, "ex"):
		return time.Second, false, true
	case is(a, "px"):
		return time.Millisecond, false, true
	case is(a, "exat"):
		return time.Second, true, true
	case is(a, "pxat"):
		return time.Millisecond, true, true
	}
	return 0, false, false
}

// set is SET: since Redis 7 GET goes with NX.
func set(c *client, a [][]byte) {
	var o setOptions
	if !o.parse(c, false, a[3:]) {
		return
	}
	end, ok := o.moment(c, "set")
	if !ok {
		return
	}
	key := c.key(a[1])
	old, until := c.store.deadline(key)
	if o.get && old != nil && old.kind != kindString {
		c.w.Error(errType)
		return
	}
	taken := !(o.nx && old != nil || o.xx && old == nil)
	if taken {
		if !o.keep {
			until = end
		}
		if !c.setText(a[1], a[2], until) {
			return
		}
	}
	switch {
	case o.get:
		c.bulkOf(old)
	case taken:
		c.w.Simple("OK")
	default:
		c.w.Null()
	}
}

func setnx(c *client, a [][]byte) {
	if c.store.peek(c.key(a[1])) != nil {
		c.w.Int(0)
	} else if c.setText(a[1], a[2], time.Time{}) {
		c.w.Int(1)
	}
}

// setex is SETEX and PSETEX.
func setex(c *client, a [][]byte) {
	unit, name := time.Second, "setex"
	if len(a[0]) == len("psetex") {
		unit, name = time.Millisecond, "psetex"
	}
	until, ok := c.moment(name, a[2], unit, false)
	if ok && c.setText(a[1], a[3], until) {
		c.w.Simple("OK")
	}
}

func getset(c *client, a [][]byte) {
	old, ok := c.text(a[1])
	if ok && c.setText(a[1], a[2], time.Time{}) {
		c.bulkOf(old)
	}
}

func getex(c *client, a [][]byte) {
	var o setOptions
	if !o.parse(c, true, a[2:]) {
		return
	}
	i, ok := c.text(a[1])
	if !ok {
		return
	}
	if i == nil {
		c.w.Null()
		return
	}
	end, ok := o.moment(c, "getex")
	if !ok {
		return
	}
	c.bulkOf(i)
	if o.persist || o.when != nil {
		c.store.expire(c.key(a[1]), i, end)
	}
}

func getdel(c *client, a [][]byte) {
	if i, ok := c.text(a[1]); ok {
		c.store.mem.Delete(c.key(a[1]))
		c.bulkOf(i)
	}
}

func mget(c *client, a [][]byte) {
	c.w.Array(len(a) - 1)
	for _, name := range a[1:] {
		i, hit := c.store.mem.Get(c.key(name))
		c.store.prefix.count(name, hit)
		if hit && i.kind != kindString {
			i = nil
		}
		c.bulkOf(i)
	}
}

// mset is MSET and MSETNX.
func mset(c *client, a [][]byte) {
	pairs := a[1:]
	fresh := is(a[0], "msetnx")
	if len(pairs)%2 != 0 {
		c.w.Error(wrongArgs(map[bool]string{true: "msetnx", false: "mset"}[fresh]))
		return
	}
	for i := 0; fresh && i < len(pairs); i += 2 {
		if c.store.peek(c.key(pairs[i])) != nil {
			c.w.Int(0)
			return
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		if !c.setText(pairs[i], pairs[i+1], time.Time{}) {
			return
		}
	}
	if fresh {
		c.w.Int(1)
	} else {
		c.w.Simple("OK")
	}
}

// patch puts bytes into a string at a place; what is between is zero. It answers with the new length.
func (c *client) patch(name, value []byte, at func(length int) int) {
	key := c.key(name)
	i, until := c.store.deadline(key)
	var old []byte
	if i != nil {
		if i.kind != kindString {
			c.w.Error(errType)
			return
		}
		old = i.str
	}
	from := at(len(old))
	if len(value) == 0 {
		c.w.Int(int64(len(old)))
		return
	}
	if int64(from)+int64(len(value)) > c.server.maxValue() {
		c.w.Error(errTooLarge)
		return
	}
	patched := make([]byte, max(len(old), from+len(value)))
	copy(patched, old)
	copy(patched[from:], value)
	if c.setText(name, patched, until) {
		c.w.Int(int64(len(patched)))
	}
}

func appendTo(c *client, a [][]byte) {
	if len(a[2]) == 0 && c.store.peek(c.key(a[1])) == nil { // makes an empty string
		if c.setText(a[1], a[2], time.Time{}) {
			c.w.Int(0)
		}
		return
	}
	c.patch(a[1], a[2], func(length int) int { return length })
}

func setrange(c *client, a [][]byte) {
	at, ok := c.integer(a[2])
	switch {
	case !ok:
	case at < 0:
		c.w.Error("ERR offset is out of range")
	case at > c.server.maxValue() && len(a[3]) > 0:
		c.w.Error(errTooLarge)
	default:
		c.patch(a[1], a[3], func(int) int { return int(at) })
	}
}

func strlen(c *client, a [][]byte) {
	i, ok := c.text(a[1])
	if !ok {
		return
	}
	if i == nil {
		c.w.Int(0)
		return
	}
	c.w.Int(int64(len(i.str)))
}

func getrange(c *client, a [][]byte) {
	from, ok := c.integer(a[2])
	if !ok {
		return
	}
	to, ok := c.integer(a[3])
	if !ok {
		return
	}
	i, ok := c.text(a[1])
	if !ok {
		return
	}
	var s []byte
	if i != nil {
		s = i.str
	}
	n := int64(len(s))
	if from < 0 {
		from = max(0, n+from)
	}
	if to < 0 {
		to = max(0, n+to)
	}
	to = min(to, n-1)
	if from > to || n == 0 {
		c.w.Bulk(nil)
		return
	}
	c.w.Bulk(bytes.Clone(s[from : to+1])) // a part must not hold the whole
}
