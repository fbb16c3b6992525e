package lane_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/lane"
)

func TestSimpleRequestsAreAnsweredInTheLane(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 5<<20), lane.Options{})
	p := s.dial(t)
	for range 3 {
		if b := p.ask("/small"); b != smallBody {
			t.Errorf("body %q", b)
		}
		if b := p.ask("/large"); !same([]byte(b), content(5<<20)) {
			t.Errorf("%d bytes that differ", len(b))
		}
		if b := p.ask("/memory"); !same([]byte(b), content(1100)[100:]) {
			t.Fatalf("bytes in memory: got %d bytes", len(b))
		}
		if b := p.ask("/part"); !same([]byte(b), content(1100)[100:]) {
			t.Errorf("%d bytes that differ", len(b))
		}
	}
	for _, path := range []string{"/small", "/large"} {
		p.send("HEAD " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if r, b := p.get("HEAD"); r.StatusCode != http.StatusOK || b != "" || r.ContentLength <= 0 {
			t.Errorf("HEAD %s: %d, %q, length %d", path, r.StatusCode, b, r.ContentLength)
		}
	}
	p.send("GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
	if r, b := p.get("GET"); r.StatusCode != http.StatusNoContent || b != "" || r.Header.Get("Content-Length") != "" {
		t.Errorf("no content: %d, %q, %v", r.StatusCode, b, r.Header)
	}
	eventually(t, "all were answered in the lane", func() bool {
		st := s.lane.Load().Stats()
		return st.Answered == 15 && st.HandedOver == 0
	})
}

func TestEverythingElseGoesToNetHTTPAndStaysThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	if b := p.ask("/small"); b != smallBody {
		t.Errorf("body %q", b)
	}
	p.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
	if _, b := p.get("POST"); b != "other POST /small h 5" {
		t.Errorf("body %q", b)
	}
	if b := p.ask("/small"); b != "other GET /small h 0" {
		t.Errorf("came back: %q", b)
	}
	if b := s.dial(t).ask("/elsewhere"); b != "other GET /elsewhere h 0" {
		t.Errorf("body %q", b)
	}
}

func TestWhatIsNotInMemoryIsWarmedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	if b := p.ask("/cold"); b != "warm now" {
		t.Errorf("body %q", b)
	}
	if b := p.ask("/cold"); b != "warm now" {
		t.Errorf("body %q", b)
	}
	if n := s.shelf.warmed.Load(); n != 1 {
		t.Errorf("warmed %d times", n)
	}
	if b := p.ask("/never"); b != "other GET /never h 0" {
		t.Errorf("body %q", b)
	}
	if n := s.shelf.warmed.Load(); n != 2 {
		t.Errorf("warmed %d times", n)
	}
}

// logBuffer is a log that several goroutines write to.
type logBuffer struct {
	mu sync.Mutex // protects the following
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestAHandlerThatPanicsLeavesItsRequestToNetHTTP(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	s := newSite(t, newShelf(t, 100), lane.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	for path, where := range map[string]string{"/panic": "in Answer", "/panicwarm": "in Warm"} {
		if b := s.dial(t).ask(path); b != "other GET "+path+" h 0" {
			t.Errorf("body %q", b)
		}
		if !strings.Contains(log.String(), where) {
			t.Errorf("%s: not in the log: %s", where, log)
		}
	}
	if b := s.dial(t).ask("/small"); b != smallBody {
		t.Errorf("body %q", b)
	}
}

// Whoever takes the connection out of net/http gets every byte that was sent, those that the lane had read, too.
func TestNothingThatWasReadIsLostToAHijacker(t *testing.T) {
	t.Parallel()
	s := newSiteWith(t, newShelf(t, 100), lane.Options{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.CopyN(c, rw, int64(rw.Reader.Buffered()))
		_, _ = io.Copy(c, c) // ends when the peer does
	}))
	p := s.dial(t)
	sent := repeat("0123456789", 1500)
	p.send("GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n" + sent)
	p.send("the end")
	_ = p.Conn.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(p); err != nil || string(b) != sent+"the end" {
		t.Errorf("%d of %d bytes, %v", len(b), len(sent)+7, err)
	}
}

func TestTheObserverIsToldWhatWasAnsweredAndToWhom(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		told := make(chan lane.Done, 1)
		a, err := lane.Listen(l, lane.Options{Handler: newShelf(t, 100), Observe: func(d lane.Done) { told <- d }})
		if err != nil {
			t.Fatal(err)
		}
		p := (&site{addr: a.Addr().String()}).dial(t)
		p.send("GET /small HTTP/1.1\r\nHost: h\r\nX-Request-Id: 0123456789\r\n\r\n")
		_, _ = p.get("GET")
		d := <-told
		if d.Peer.String() != p.LocalAddr().String() || d.Method != "GET" || d.Route != "/" || d.Status != 200 ||
			d.Bytes != int64(len(smallBody)) || d.RequestID != "0123456789" || d.Took <= 0 {
			t.Errorf("%+v of %s", d, p.LocalAddr())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
