package s3api

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/s3wire"
)

// slowSource yields n bytes after each pause.
type slowSource struct {
	pause time.Duration
	n     int
	total int
}

func (s *slowSource) Read(p []byte) (int, error) {
	if s.total <= 0 {
		return 0, io.EOF
	}
	<-time.After(s.pause) // of the fake clock
	n := min(s.n, len(p), s.total)
	s.total -= n
	return n, nil
}

func (s *slowSource) Close() error { return nil }

// A peer that sends too little is cut off; one that is slow but steady is not, however long it takes.
func TestAnUploadMustKeepTheMinimumRate(t *testing.T) {
	t.Parallel()
	f := func(name string, bytes int, pause time.Duration, total int, cut bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			p := &pacedReader{
				ReadCloser: &slowSource{pause: pause, n: bytes, total: total},
				pace:       pace{window: 30 * time.Second, rate: 1000}, limit: func(time.Time) error { return nil },
			}
			_, err := io.Copy(io.Discard, p)
			if got := errors.Is(err, s3wire.RequestTimeout.New()); got != cut {
				t.Errorf("%s: error %v, want cut off: %v", name, err, cut)
			}
		})
	}
	f("steady", 1100, time.Second, 1<<20, false)
	f("in bursts", 8192, 8*time.Second, 1<<20, false) // io.Discard takes 8 KiB at once
	f("drops", 1, time.Second, 1000, true)
	f("below", 900, time.Second, 1<<20, true)
	f("short and slow", 1, 10*time.Second, 2, false) // over before a window is
}

func TestABodyThatNeverComesHitsTheDeadlineAndIsATimeout(t *testing.T) {
	t.Parallel()
	var deadlines []time.Time
	p := &pacedReader{
		ReadCloser: io.NopCloser(timeoutReader{}), pace: pace{window: time.Second, rate: 1},
		limit: func(at time.Time) error { deadlines = append(deadlines, at); return nil },
	}
	if _, err := p.Read(make([]byte, 1)); !errors.Is(err, s3wire.RequestTimeout.New()) {
		t.Errorf("error %v", err)
	}
	if len(deadlines) != 1 || time.Until(deadlines[0]) > 2*time.Second {
		t.Errorf("deadlines %v", deadlines)
	}
}

type timeoutReader struct{}

func (timeoutReader) Read([]byte) (int, error) { return 0, timeoutError{} }

type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func TestTheDeadlineIsTakenOffWhenTheBodyIsIn(t *testing.T) {
	t.Parallel()
	var last time.Time
	p := &pacedReader{
		ReadCloser: io.NopCloser(strings.NewReader("abc")), pace: pace{window: time.Second, rate: 1},
		limit: func(at time.Time) error { last = at; return nil },
	}
	if _, err := io.Copy(io.Discard, p); err != nil || !last.IsZero() || p.total != 3 {
		t.Errorf("error %v, last deadline %v, %d bytes", err, last, p.total)
	}
}

func TestBytesInFlightAreBoundedButOneUploadAlwaysFits(t *testing.T) {
	t.Parallel()
	f := newFlight(100)
	if !f.claim(500) {
		t.Fatal("one alone was refused")
	}
	if f.claim(1) {
		t.Fatal("a second was let in")
	}
	f.give(500)
	if !f.claim(60) || !f.claim(40) || f.claim(1) {
		t.Fatal("the limit is not 100")
	}
	if f.now() != 100 {
		t.Errorf("%d bytes in flight", f.now())
	}
	if free := newFlight(0); !free.claim(1<<60) || !free.claim(1<<61) {
		t.Error("without a limit something was refused")
	}
}
