package pgwire

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReaderCutsAStreamHoweverItArrives(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*readAhead)
	stream := AppendStartup(nil, Version30, []Param{{"user", "u"}})
	stream = AppendSync(AppendQuery(AppendQuery(stream, long), "short"))
	for name, source := range map[string]io.Reader{
		"at once":       bytes.NewReader(stream),
		"byte by byte":  iotest.OneByteReader(bytes.NewReader(stream)),
		"in halves":     iotest.HalfReader(bytes.NewReader(stream)),
		"with its end":  iotest.DataErrReader(bytes.NewReader(stream)),
		"in odd pieces": iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(stream))),
	} {
		r := NewReader(source, 1<<20)
		body, err := r.ReadStartup()
		if s, parseErr := ParseStartup(body); err != nil || parseErr != nil || s.Params[0].Value != "u" {
			t.Fatalf("%s: got %q, %v", name, body, err)
		}
		for _, want := range []string{long + "\x00", "short\x00", ""} {
			typ, body, err := r.ReadMessage()
			if err != nil || string(body) != want || (typ == byte(Sync)) != (want == "") {
				t.Fatalf("%s: got %c, %d bytes, %v", name, typ, len(body), err)
			}
		}
		if _, _, err := r.ReadMessage(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

func TestReaderTellsAnEndBetweenMessagesFromOneInside(t *testing.T) {
	t.Parallel()
	message := AppendQuery(nil, "SELECT 1")
	for cut := range message {
		_, _, err := NewReader(bytes.NewReader(message[:cut]), 100).ReadMessage()
		want := io.ErrUnexpectedEOF
		if cut == 0 {
			want = io.EOF
		}
		if !errors.Is(err, want) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
	}
	packet := AppendStartup(nil, Version30, []Param{{"user", "u"}})
	for cut := range packet {
		if _, err := NewReader(bytes.NewReader(packet[:cut]), 100).ReadStartup(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("packet after %d bytes: %v", cut, err)
		}
	}
}

// Trap 13: what stands behind an SSLRequest in plain text is seen.
func TestReaderTellsWhatIsBufferedBehindARequest(t *testing.T) {
	t.Parallel()
	injected := AppendQuery(nil, "SELECT 1")
	r := NewReader(bytes.NewReader(append(AppendSSLRequest(nil), injected...)), 100)
	body, err := r.ReadStartup()
	if s, parseErr := ParseStartup(body); err != nil || parseErr != nil || s.Kind != SSLRequest {
		t.Fatalf("got %q, %v", body, err)
	}
	if r.Buffered() != len(injected) || !bytes.Equal(r.Rest(), injected) {
		t.Errorf("%d bytes are buffered: %q", r.Buffered(), r.Rest())
	}
	r = NewReader(bytes.NewReader(AppendSSLRequest(nil)), 100)
	if _, err := r.ReadStartup(); err != nil || r.Buffered() != 0 || len(r.Rest()) != 0 {
		t.Errorf("nothing follows, but %d bytes are buffered, %v", r.Buffered(), err)
	}
}

func TestReaderPeeksWithoutConsuming(t *testing.T) {
	t.Parallel()
	r := NewReader(iotest.OneByteReader(strings.NewReader("\x16\x03\x01")), 100)
	for range 2 {
		if b, err := r.Peek(1); err != nil || b[0] != 0x16 || r.Buffered() != 1 {
			t.Fatalf("got %q, %v, %d buffered", b, err, r.Buffered())
		}
	}
	if b, err := r.Peek(3); err != nil || string(b) != "\x16\x03\x01" {
		t.Errorf("got %q, %v", b, err)
	}
	if _, err := r.Peek(4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("past the end: %v", err)
	}
}

func TestReaderRefusesWhatIsLongerThanItsLimit(t *testing.T) {
	t.Parallel()
	message := AppendQuery(nil, "SELECT 1")
	if _, _, err := NewReader(bytes.NewReader(message), len(message)).ReadMessage(); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	var e *ProtocolError
	if _, _, err := NewReader(bytes.NewReader(message), len(message)-1).ReadMessage(); !errors.As(err, &e) {
		t.Errorf("above the limit: %v", err)
	}
	r := NewReader(bytes.NewReader(message), 5)
	r.SetLimit(len(message))
	if _, _, err := r.ReadMessage(); err != nil {
		t.Errorf("with a new limit: %v", err)
	}
	for _, head := range []string{"\x00\x00\x00\x07", "\x00\x00\x00\x00", "\x00\x00\x27\x15", "\x7f\xff\xff\xff", "\xff\xff\xff\xff"} {
		if _, err := NewReader(strings.NewReader(head+"rest"), 100).ReadStartup(); !errors.As(err, &e) {
			t.Errorf("start-up length %q: %v", head, err)
		}
	}
	full := AppendStartup(nil, Version30, []Param{{"user", strings.Repeat("u", MaxStartup-4-5-2)}})
	if body, err := NewReader(bytes.NewReader(full), 100).ReadStartup(); err != nil || len(body) != MaxStartup {
		t.Errorf("the longest start-up packet: %d bytes, %v", len(body), err)
	}
}

func TestReaderPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("Q\x00\x00"), iotest.ErrReader(broken)), 100)
	if _, _, err := r.ReadMessage(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	var e *ProtocolError
	if _, _, err := NewReader(strings.NewReader("Q\x00\x00\x00\x03"), 100).ReadMessage(); !errors.As(err, &e) {
		t.Errorf("a length of 3: %v", err)
	}
}

// Who announces a gigabyte and sends little makes us keep little. Not parallel: it counts all memory.
func TestReaderBelievesNoLengthBeforeTheBytesAreThere(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("Q\x3f\xff\xff\xff"), bytes.NewReader(make([]byte, 100_000))), 1<<30)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := r.ReadMessage()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Errorf("%d bytes were allocated for 100000", used)
	}
}

// However a stream is cut into reads, the messages in it are the same, and none is lost or made up.
func FuzzReader(f *testing.F) {
	f.Add(AppendSync(AppendQuery(nil, "SELECT 1")), uint8(3))
	f.Add([]byte("Q\x00\x00\x00\x04Q\x00\x00\x00\x03"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		whole := NewReader(bytes.NewReader(stream), 1000)
		pieces := NewReader(&stepReader{stream, 1 + int(step)}, 1000)
		consumed := 0
		for {
			typ, body, err := whole.ReadMessage()
			typ2, body2, err2 := pieces.ReadMessage()
			if typ != typ2 || !bytes.Equal(body, body2) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
				t.Fatalf("whole: %c %q %v; in pieces: %c %q %v", typ, body, err, typ2, body2, err2)
			}
			if err != nil {
				return
			}
			again := appendRaw(nil, FrontendType(typ), body)
			if !bytes.HasPrefix(stream[consumed:], again) {
				t.Fatalf("%q is not what stands at %d", again, consumed)
			}
			consumed += len(again)
		}
	})
}

// A stepReader yields at most so many bytes at once.
type stepReader struct {
	rest []byte
	step int
}

func (r *stepReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(r.step, len(b))], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
