package cacheserver

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

func counterCommands() []command {
	one := [3]int{1, 1, 1}
	return []command{
		{"incr", 2, write, one, func(c *client, a [][]byte) { c.add(a[1], 1) }},
		{"decr", 2, write, one, func(c *client, a [][]byte) { c.add(a[1], -1) }},
		{"incrby", 3, write, one, func(c *client, a [][]byte) {
			if n, ok := c.integer(a[2]); ok {
				c.add(a[1], n)
			}
		}},
		{"decrby", 3, write, one, decrby},
		{"incrbyfloat", 3, write, one, incrbyfloat},
	}
}

func decrby(c *client, a [][]byte) {
	n, ok := c.integer(a[2])
	switch {
	case !ok:
	case n == math.MinInt64:
		c.w.Error("ERR decrement would overflow")
	default:
		c.add(a[1], -n)
	}
}

// parseInt reads an integer as strictly as Redis: no plus, no zeros before it, no spaces.
func parseInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 || b[0] == '+' {
		return 0, false
	}
	s := string(b)
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// integer reads an argument; it reports false, having answered, when it is none.
func (c *client) integer(b []byte) (int64, bool) {
	n, ok := parseInt(b)
	if !ok {
		c.w.Error(errInt)
	}
	return n, ok
}

// sum adds; it reports false, having answered, when the result would not fit.
func (c *client) sum(a, b int64) (int64, bool) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		c.w.Error("ERR increment or decrement would overflow")
		return 0, false
	}
	return a + b, true
}

// number returns the string at a key for a calculation, nil when there is none.
func (c *client) number(name []byte) (value []byte, until time.Time, ok bool) {
	i, until := c.store.deadline(c.key(name))
	if i == nil {
		return nil, until, true
	}
	if i.kind != kindString {
		c.w.Error(errType)
		return nil, until, false
	}
	return i.str, until, true
}

func (c *client) add(name []byte, by int64) {
	value, until, ok := c.number(name)
	if !ok {
		return
	}
	var n int64
	if value != nil {
		if n, ok = c.integer(value); !ok {
			return
		}
	}
	if n, ok = c.sum(n, by); ok && c.setText(name, strconv.AppendInt(nil, n, 10), until) {
		c.w.Int(n)
	}
}

func incrbyfloat(c *client, a [][]byte) {
	value, until, ok := c.number(a[1])
	if !ok {
		return
	}
	if sum, ok := c.addFloat(value, a[2], errFloat); ok && c.setText(a[1], sum, until) {
		c.w.Bulk(sum)
	}
}

// floatBits is the precision of the numbers that Redis calculates with here: long double on amd64.
const floatBits = 64

// addFloat adds two numbers in decimal; nil is 0. It reports false, having answered, when one is none.
func (c *client) addFloat(value, by []byte, wrong string) ([]byte, bool) {
	var n *big.Float
	ok := true
	if value == nil {
		n = new(big.Float).SetPrec(floatBits)
	} else if n, ok = parseFloat(value); !ok {
		c.w.Error(wrong)
		return nil, false
	}
	add, ok := parseFloat(by)
	if !ok {
		c.w.Error(errFloat)
		return nil, false
	}
	n.Add(n, add)
	if n.MantExp(nil) > maxExponent {
		c.w.Error("ERR increment would produce NaN or Infinity")
		return nil, false
	}
	text := n.Text('f', 17)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return []byte(text), true
}

// maxExponent, base 2, bounds what a number may be, and with it the length of its text.
const maxExponent = 4096

func parseFloat(b []byte) (*big.Float, bool) {
	if len(b) == 0 || len(b) > 256 || strings.ContainsAny(string(b), "xXpPbBoO_iInN ") {
		return nil, false
	}
	if at := strings.LastIndexAny(string(b), "eE"); at >= 0 && len(b)-at > 6 {
		return nil, false
	}
	n, _, err := big.ParseFloat(string(b), 10, floatBits, big.ToNearestEven)
	return n, err == nil && n.MantExp(nil) <= maxExponent
}
