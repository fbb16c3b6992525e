package resp

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Value is a reply as a client reads it.
type Value struct {
	Kind byte    // the first byte of the protocol: + - : $ * _ , # ( = % ~ >
	Text string  // of a string, an error, a double, a boolean, a big number
	Int  int64   // of an integer
	List []Value // of an array, a set, a push, and the keys and values of a map in turn
	Null bool
}

// Err returns the words of an error, "" if the value is none.
func (v Value) Err() string {
	if v.Kind == '-' {
		return v.Text
	}
	return ""
}

const (
	maxDepth = 16
	maxReply = 64 << 20 // bytes of one string
	maxItems = 1 << 20  // of one list
)

// ReadReply reads one reply.
func ReadReply(in *bufio.Reader) (Value, error) { return readReply(in, maxDepth) }

func readReply(in *bufio.Reader, depth int) (Value, error) {
	line, err := readLine(in)
	if err != nil {
		return Value{}, err
	}
	if len(line) == 0 || depth == 0 {
		return Value{}, protocol("no reply")
	}
	v := Value{Kind: line[0]}
	text := string(line[1:])
	switch v.Kind {
	case '+', '-', ',', '#', '(':
		v.Text = text
	case '_':
		v.Null = true
	case ':':
		v.Int, err = strconv.ParseInt(text, 10, 64)
	case '$', '=', '*', '%', '~', '>':
		err := v.sized(in, text, depth)
		return v, err
	default:
		return v, protocol("unknown kind of reply %q", v.Kind)
	}
	if err != nil {
		return v, protocol("invalid integer")
	}
	return v, nil
}

// sized reads a reply whose first line told its size.
func (v *Value) sized(in *bufio.Reader, text string, depth int) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n < -1:
		return protocol("invalid length")
	case n == -1:
		v.Null = true
		return nil
	case v.Kind == '$' || v.Kind == '=':
		if n > maxReply {
			return protocol("invalid bulk length")
		}
		var b strings.Builder
		if _, err := io.CopyN(&b, in, n+2); err != nil {
			return whole(err)
		}
		var ok bool
		if v.Text, ok = strings.CutSuffix(b.String(), "\r\n"); !ok {
			return protocol("string longer than announced")
		}
		return nil
	case n > maxItems:
		return protocol("invalid multibulk length")
	case v.Kind == '%':
		n *= 2
	}
	for range n {
		item, err := readReply(in, depth-1)
		if err != nil {
			return whole(err)
		}
		v.List = append(v.List, item)
	}
	return nil
}
