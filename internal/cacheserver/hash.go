package cacheserver

import "strconv"

func hashCommands() []command {
	one := [3]int{1, 1, 1}
	return []command{
		{"hset", -4, write, one, hset},
		{"hmset", -4, write, one, hset},
		{"hsetnx", 4, write, one, hsetnx},
		{"hget", 3, readOnly, one, hget},
		{"hmget", -3, readOnly, one, hmget},
		{"hdel", -3, write, one, hdel},
		{"hlen", 2, readOnly, one, hlen},
		{"hexists", 3, readOnly, one, hexists},
		{"hstrlen", 3, readOnly, one, hstrlen},
		{"hkeys", 2, readOnly, one, hall},
		{"hvals", 2, readOnly, one, hall},
		{"hgetall", 2, readOnly, one, hall},
		{"hincrby", 4, write, one, hincrby},
		{"hincrbyfloat", 4, write, one, hincrbyfloat},
		{"hscan", -3, readOnly, one, hscan},
	}
}

// collection returns the hash or set at a key for a read that counts, nil when there is none; ok is false, and an error
// written, when the key holds something else.
func (c *client) collection(name []byte, k kind) (i *item, ok bool) {
	i, hit := c.store.mem.Get(c.key(name))
	c.store.prefix.count(name, hit)
	return c.ofKind(i, k)
}

// toWrite returns the hash or set at a key for a write, a new one when there is none.
func (c *client) toWrite(name []byte, k kind) (i *item, ok bool) {
	if i, ok = c.ofKind(c.store.peek(c.key(name)), k); i == nil && ok {
		i = &item{kind: k}
		if k == kindHash {
			i.hash = map[string][]byte{}
		} else {
			i.set = map[string]struct{}{}
		}
	}
	return i, ok
}

func (c *client) ofKind(i *item, k kind) (*item, bool) {
	if i != nil && i.kind != k {
		c.w.Error(errType)
		return nil, false
	}
	return i, true
}

// grows reports whether a collection may take so many more bytes; if not it has answered.
func (c *client) grows(i *item, by int64) bool {
	if i.size+by > c.server.maxValue() {
		c.w.Error(errTooLarge)
		return false
	}
	return true
}

// wrote keeps a collection that was changed and reports whether there was room; if not it has answered.
func (c *client) wrote(name []byte, i *item) bool {
	if !c.store.changed(c.key(name), i) {
		c.w.Error(errRoom)
		return false
	}
	return true
}

func (i *item) setField(field string, value []byte) (added bool) {
	old, had := i.hash[field]
	if had {
		i.size += int64(len(value) - len(old))
	} else {
		i.size += int64(len(field)+len(value)) + member
	}
	i.hash[field] = value
	return !had
}

// hset is HSET and HMSET.
func hset(c *client, a [][]byte) {
	old := len(a[0]) == len("hmset")
	if len(a)%2 != 0 {
		c.w.Error(wrongArgs(map[bool]string{true: "hmset", false: "hset"}[old]))
		return
	}
	i, ok := c.toWrite(a[1], kindHash)
	more := int64(0)
	for _, arg := range a[2:] {
		more += int64(len(arg)) + member
	}
	if !ok || !c.grows(i, more) {
		return
	}
	added := int64(0)
	for f := 2; f < len(a); f += 2 {
		if i.setField(string(a[f]), a[f+1]) {
			added++
		}
	}
	if !c.wrote(a[1], i) {
		return
	}
	if old {
		c.w.Simple("OK")
	} else {
		c.w.Int(added)
	}
}

func hsetnx(c *client, a [][]byte) {
	i, ok := c.toWrite(a[1], kindHash)
	if !ok {
		return
	}
	if _, had := i.hash[string(a[2])]; had {
		c.w.Int(0)
		return
	}
	if c.grows(i, int64(len(a[2])+len(a[3]))+member) {
		i.setField(string(a[2]), a[3])
		if c.wrote(a[1], i) {
			c.w.Int(1)
		}
	}
}

func (c *client) field(i *item, field []byte) {
	if i != nil {
		if value, ok := i.hash[string(field)]; ok {
			c.w.Bulk(value)
			return
		}
	}
	c.w.Null()
}

func hget(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindHash); ok {
		c.field(i, a[2])
	}
}

func hmget(c *client, a [][]byte) {
	i, ok := c.collection(a[1], kindHash)
	if !ok {
		return
	}
	c.w.Array(len(a) - 2)
	for _, f := range a[2:] {
		c.field(i, f)
	}
}

func hdel(c *client, a [][]byte) {
	i, ok := c.toWrite(a[1], kindHash)
	if !ok {
		return
	}
	n := int64(0)
	for _, f := range a[2:] {
		if value, had := i.hash[string(f)]; had {
			i.size -= int64(len(f)+len(value)) + member
			delete(i.hash, string(f))
			n++
		}
	}
	if n == 0 || c.wrote(a[1], i) {
		c.w.Int(n)
	}
}

func hlen(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindHash); ok {
		c.w.Int(int64(i.len()))
	}
}

// len returns how many fields or members there are; nil has none.
func (i *item) len() int {
	if i == nil {
		return 0
	}
	return len(i.hash) + len(i.set)
}

func hexists(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindHash); ok {
		had := false
		if i != nil {
			_, had = i.hash[string(a[2])]
		}
		c.w.Bool(had)
	}
}

func hstrlen(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindHash); ok {
		n := 0
		if i != nil {
			n = len(i.hash[string(a[2])])
		}
		c.w.Int(int64(n))
	}
}

// hall is HKEYS, HVALS and HGETALL.
func hall(c *client, a [][]byte) {
	i, ok := c.collection(a[1], kindHash)
	if !ok {
		return
	}
	fields, values := !is(a[0], "hvals"), !is(a[0], "hkeys")
	if fields && values {
		c.w.Map(i.len())
	} else {
		c.w.Array(i.len())
	}
	if i == nil {
		return
	}
	for field, value := range i.hash {
		if fields {
			c.w.Text(field)
		}
		if values {
			c.w.Bulk(value)
		}
	}
}

// hashNumber returns the hash for a calculation with a field, and its value.
func (c *client) hashNumber(a [][]byte) (i *item, value []byte, ok bool) {
	if i, ok = c.toWrite(a[1], kindHash); !ok || !c.grows(i, int64(len(a[2]))+member+20) {
		return nil, nil, false
	}
	return i, i.hash[string(a[2])], true
}

func hincrby(c *client, a [][]byte) {
	by, ok := c.integer(a[3])
	if !ok {
		return
	}
	i, value, ok := c.hashNumber(a)
	if !ok {
		return
	}
	n := int64(0)
	if value != nil {
		if n, ok = parseInt(value); !ok {
			c.w.Error("ERR hash value is not an integer")
			return
		}
	}
	if n, ok = c.sum(n, by); ok {
		i.setField(string(a[2]), strconv.AppendInt(nil, n, 10))
		if c.wrote(a[1], i) {
			c.w.Int(n)
		}
	}
}

func hincrbyfloat(c *client, a [][]byte) {
	if _, ok := parseFloat(a[3]); !ok {
		c.w.Error(errFloat)
		return
	}
	i, value, ok := c.hashNumber(a)
	if !ok {
		return
	}
	if sum, ok := c.addFloat(value, a[3], "ERR hash value is not a float"); ok {
		i.setField(string(a[2]), sum)
		if c.wrote(a[1], i) {
			c.w.Bulk(sum)
		}
	}
}

// scanAll begins the answer of HSCAN and SSCAN, which return all at once, as Redis does for small ones: the bound of a value
// bounds them.
func (c *client) scanAll(a [][]byte, k kind) (i *item, o scanOptions, ok bool) {
	o = scanOptions{count: scanPlaces, pattern: "*"}
	if _, err := strconv.ParseUint(string(a[2]), 10, 64); err != nil {
		c.w.Error("ERR invalid cursor")
		return nil, o, false
	}
	if !o.parse(c, a[3:], false) {
		return nil, o, false
	}
	i, ok = c.collection(a[1], k)
	return i, o, ok
}

func hscan(c *client, a [][]byte) {
	i, o, ok := c.scanAll(a, kindHash)
	if !ok {
		return
	}
	var found []string
	if i != nil {
		for f := range i.hash {
			if match(o.pattern, f) {
				found = append(found, f)
			}
		}
	}
	c.w.Array(2)
	c.w.Text("0")
	c.w.Array(2 * len(found))
	for _, f := range found {
		c.w.Text(f)
		c.w.Bulk(i.hash[f])
	}
}
