package resp_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/resp"
)

func limits() resp.Limits { return resp.Limits{Args: 100, Bulk: 1 << 20, Command: 2 << 20} }

func TestCommandsAreReadInBothForms(t *testing.T) {
	t.Parallel()
	in := "*2\r\n$3\r\nGET\r\n$1\r\na\r\n\r\nPING  hello\r\n*0\r\n*1\r\n$0\r\n\r\nPING\n"
	r := resp.NewReader(strings.NewReader(in), limits())
	for _, want := range []string{"GET|a", "PING|hello", "", "PING"} {
		args, err := r.ReadCommand()
		if got := string(bytes.Join(args, []byte("|"))); err != nil || got != want {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	if _, err := r.ReadCommand(); !errors.Is(err, io.EOF) {
		t.Errorf("%v at the end", err)
	}
}

func TestWhatBreaksTheProtocolIsRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"*101\r\n", "*x\r\n", "*99999999999999999999\r\n", "*1\r\n$-1\r\n", "*1\r\n$1048577\r\n", "*1\r\n:1\r\n", "*1\r\n\r\n", "*1\r\n$1\r\nabc",
		"*3\r\n$1000000\r\n" + strings.Repeat("x", 1000000) + "\r\n$1000000\r\n" + strings.Repeat("x", 1000000) + "\r\n$1000000\r\n",
		"GET \"a\"\r\n", strings.Repeat("a", 100_000) + "\r\n", strings.Repeat("a ", 200) + "\r\n",
	} {
		_, err := resp.NewReader(strings.NewReader(in), limits()).ReadCommand()
		var p *resp.ProtocolError
		if !errors.As(err, &p) {
			t.Errorf("%.40q: %v", in, err)
		}
	}
	for _, in := range []string{"*1\r\n", "*1\r\n$5\r\nab", "*1\r\n$2\r\nab", "PIN"} {
		if _, err := resp.NewReader(strings.NewReader(in), limits()).ReadCommand(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %v; want an unexpected end", in, err)
		}
	}
}

// A length that is announced costs nothing until the bytes come.
func TestAnnouncedBytesAreNotAllocated(t *testing.T) { // not parallel: it counts allocations
	l := resp.Limits{Args: 10, Bulk: 1 << 30, Command: 1 << 31}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := resp.NewReader(strings.NewReader("*1\r\n$1000000000\r\nabc"), l).ReadCommand()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 || err == nil {
		t.Errorf("%d bytes allocated, %v", got, err)
	}
}

func TestLargeCommandsAreAskedFor(t *testing.T) {
	t.Parallel()
	busy := errors.New("busy")
	r := resp.NewReader(strings.NewReader("*1\r\n$100000\r\n"), limits())
	r.OnLarge(func(n int64) error {
		if n < 100_000 {
			t.Errorf("asked for %d bytes", n)
		}
		return busy
	})
	if _, err := r.ReadCommand(); !errors.Is(err, busy) {
		t.Error(err)
	}
}

func TestRepliesAreWrittenInTheProtocolOfTheClient(t *testing.T) {
	t.Parallel()
	write := func(proto int) string {
		w := resp.Writer{Proto: proto}
		w.Simple("OK")
		w.Error("ERR a\r\nb")
		w.Int(-5)
		w.Bulk([]byte("x"))
		w.Null()
		w.NullArray()
		w.Map(1)
		w.Set(2)
		w.Push(3)
		w.Array(4)
		return strings.ReplaceAll(string(bytes.Join(w.Take(), nil)), "\r\n", ";")
	}
	if got, want := write(2), "+OK;-ERR a  b;:-5;$1;x;$-1;*-1;*2;*2;*3;*4;"; got != want {
		t.Errorf("RESP2 %q; want %q", got, want)
	}
	if got, want := write(3), "+OK;-ERR a  b;:-5;$1;x;_;_;%1;~2;>3;*4;"; got != want {
		t.Errorf("RESP3 %q; want %q", got, want)
	}
}

func TestARewindForgetsLargeValuesToo(t *testing.T) {
	t.Parallel()
	w := resp.Writer{Limit: 100_000}
	w.Simple("first")
	m := w.Mark()
	for range 5 {
		w.Bulk(make([]byte, 30_000))
		w.Int(1)
	}
	if !w.Over() {
		t.Error("the limit was not noticed")
	}
	w.Rewind(m)
	w.Simple("second")
	if got := string(bytes.Join(w.Take(), nil)); got != "+first\r\n+second\r\n" || w.Over() {
		t.Errorf("%.60q", got)
	}
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "PING\r\n", "*1\r\n$0\r\n\r\n", "*-1\r\n", "\r\n*1\r\n$1\r\nx\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := resp.NewReader(bytes.NewReader(in), resp.Limits{Args: 8, Bulk: 64, Command: 512})
		for {
			args, err := r.ReadCommand()
			if err != nil {
				return
			}
			if len(args) == 0 || len(args) > 8 {
				t.Fatalf("%d arguments", len(args))
			}
			// What was read, written again, reads the same.
			var w resp.Writer
			w.Array(len(args))
			for _, a := range args {
				if len(a) > 64 {
					t.Fatalf("argument of %d bytes", len(a))
				}
				w.Bulk(a)
			}
			again, err := resp.NewReader(bytes.NewReader(bytes.Join(w.Take(), nil)), resp.Limits{Args: 8, Bulk: 64, Command: 1 << 20}).ReadCommand()
			if err != nil || !bytes.Equal(bytes.Join(again, []byte{0}), bytes.Join(args, []byte{0})) {
				t.Fatalf("%q became %q, %v", args, again, err)
			}
		}
	})
}

func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "$3\r\nabc\r\n", "*2\r\n:1\r\n_\r\n", "%1\r\n+a\r\n#t\r\n", "$-1\r\n", "-ERR\r\n", "~1\r\n,1.5\r\n", ">1\r\n=5\r\ntxt:a\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := resp.ReadReply(bufio.NewReader(bytes.NewReader(in)))
		if err == nil && strings.IndexByte("+-:$*_,#(=%~>", v.Kind) < 0 {
			t.Fatalf("kind %q", v.Kind)
		}
	})
}
