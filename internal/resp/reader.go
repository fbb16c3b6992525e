package resp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Limits bound one command.
type Limits struct {
	Args    int   // how many arguments it may have, its name included
	Bulk    int64 // bytes of one argument
	Command int64 // bytes of all arguments
}

// ProtocolError is a mistake of the peer after which the stream cannot be read on.
type ProtocolError struct{ Text string }

// Error returns the text as Redis says it.
func (e *ProtocolError) Error() string { return "Protocol error: " + e.Text }

func protocol(format string, args ...any) error {
	return &ProtocolError{fmt.Sprintf(format, args...)}
}

const (
	// maxLine is the longest line: an inline command, or the length of an argument.
	maxLine = 64 << 10
	// step is how much of an argument is allocated before the bytes before it have arrived.
	step = 64 << 10
)

// Reader reads commands. The zero value is not usable; see NewReader.
type Reader struct {
	in     *bufio.Reader
	limits Limits
	charge func(bytes int64) error
}

// NewReader returns a Reader.
func NewReader(in io.Reader, l Limits) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 16<<10), limits: l, charge: func(int64) error { return nil }}
}

// SetLimits changes the limits from the next command on.
func (r *Reader) SetLimits(l Limits) { r.limits = l }

// OnLarge names a function that is asked before more than 64 KiB of one command are kept, each time for that many more bytes;
// its error ends the command.
func (r *Reader) OnLarge(charge func(bytes int64) error) { r.charge = charge }

// Buffered returns how many bytes arrived that were not read yet.
func (r *Reader) Buffered() int { return r.in.Buffered() }

// Rest returns a reader of what follows the last command.
func (r *Reader) Rest() io.Reader { return r.in }

// Await waits for the first byte of the next command.
func (r *Reader) Await() error {
	_, err := r.in.Peek(1)
	return err
}

// ReadCommand returns the arguments of the next command, at least one. They belong to the caller. io.EOF means that the stream
// ended between two commands.
func (r *Reader) ReadCommand() ([][]byte, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		if line[0] != '*' {
			args, err := r.inline(line)
			if err != nil || len(args) > 0 {
				return args, err
			}
			continue
		}
		n, err := strconv.ParseInt(string(line[1:]), 10, 64)
		if err != nil || n > int64(r.limits.Args) {
			return nil, protocol("invalid multibulk length")
		}
		if n > 0 {
			args, err := r.bulks(int(n))
			return args, whole(err)
		}
	}
}

// whole says that a stream ended in the middle.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (r *Reader) bulks(n int) ([][]byte, error) {
	args := make([][]byte, 0, min(n, 64))
	var total, charged int64
	for range n {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		if len(line) == 0 || line[0] != '$' {
			return nil, protocol("expected '$', got '%s'", firstOf(line))
		}
		size, err := strconv.ParseInt(string(line[1:]), 10, 64)
		if err != nil || size < 0 || size > r.limits.Bulk {
			return nil, protocol("invalid bulk length")
		}
		// An argument costs its record, too: else many empty ones would be free.
		if total += size + 32; total > r.limits.Command {
			return nil, protocol("command larger than %d bytes", r.limits.Command)
		}
		if total-charged > step {
			if err := r.charge(total - charged); err != nil {
				return nil, err
			}
			charged = total
		}
		arg, err := r.bulk(int(size))
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, nil
}

func firstOf(line []byte) string {
	if len(line) == 0 {
		return ""
	}
	return string(line[:1])
}

// bulk reads an argument of a known size and the end of its line.
func (r *Reader) bulk(size int) ([]byte, error) {
	arg := make([]byte, min(size, step))
	for filled := 0; ; {
		n, err := io.ReadFull(r.in, arg[filled:])
		if filled += n; err != nil {
			return nil, err
		}
		if filled == size {
			break
		}
		larger := make([]byte, min(size, 2*len(arg)))
		copy(larger, arg)
		arg = larger
	}
	var end [2]byte
	if _, err := io.ReadFull(r.in, end[:]); err != nil {
		return nil, err
	}
	if end != [2]byte{'\r', '\n'} {
		return nil, protocol("argument longer than announced")
	}
	return arg, nil
}

// line returns the next line without its end; it is valid until the next read.
func (r *Reader) line() ([]byte, error) { return readLine(r.in) }

func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) { // only inline commands are that long
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(long) > maxLine {
				return nil, protocol("too big inline request")
			}
			line, err = in.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		if len(line) > 0 {
			err = whole(err)
		}
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// inline splits a command that a person typed. Quotes are refused: programs send arrays.
func (r *Reader) inline(line []byte) ([][]byte, error) {
	if bytes.ContainsAny(line, `"'`) {
		return nil, protocol("quotes in an inline request")
	}
	words := bytes.Fields(bytes.Clone(line))
	if len(words) > r.limits.Args || int64(len(line)) > r.limits.Command {
		return nil, protocol("too big inline request")
	}
	for _, w := range words {
		if int64(len(w)) > r.limits.Bulk {
			return nil, protocol("too big inline request")
		}
	}
	return words, nil
}
