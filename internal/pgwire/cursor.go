package pgwire

import (
	"bytes"
	"encoding/binary"
)

// A cursor reads a body from its front. The first read past the end sets bad; from then on it yields zeros, so that
// callers ask once, at the end.
type cursor struct {
	b   []byte
	bad bool
}

// done reports whether everything was read, and nothing too much.
func (c *cursor) done() bool { return !c.bad && len(c.b) == 0 }

func (c *cursor) fail() {
	c.b, c.bad = nil, true
}

// take returns the next n bytes. Nil means failure: an empty part is not nil.
func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.fail()
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if v := c.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// string returns the bytes up to the next NUL and steps over it.
func (c *cursor) string() []byte {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.fail()
		return nil
	}
	v := c.b[:i:i]
	c.b = c.b[i+1:]
	return v
}

// value returns a value with its length before it: nil for NULL, not nil for an empty one.
func (c *cursor) value() []byte {
	n := int32(c.uint32())
	if n == -1 {
		return nil
	}
	return c.take(int(n))
}

// values appends n values to dst.
func (c *cursor) values(n int, dst [][]byte) [][]byte {
	for range n {
		if dst = append(dst, c.value()); c.bad {
			break
		}
	}
	return dst
}

// formats returns a list of format codes, nil for an empty one.
func (c *cursor) formats() []int16 {
	raw := c.take(2 * int(c.uint16()))
	if len(raw) == 0 {
		return nil
	}
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.BigEndian.Uint16(raw[2*i:]))
	}
	return out
}
