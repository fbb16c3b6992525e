package lane_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/lane"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/web"
)

// shelf is a Handler with a few paths: /small, /large (a file), /odd (not mine), /cold (has to be warmed).
type shelf struct {
	file   *os.File
	size   int64
	warm   atomic.Bool
	warmed atomic.Int64
	block  chan struct{} // if not nil, Warm waits for it
	lent   atomic.Int64  // files that are not released
}

const smallBody = "a small body"

func (s *shelf) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	r.Status, r.Route = http.StatusOK, "/"
	r.Header("Content-Type", "text/plain")
	switch string(q.Path) {
	case "/small":
		r.Body([]byte(smallBody))
	case "/none":
		r.Status = http.StatusNoContent
	case "/large":
		s.lent.Add(1)
		r.File(s.file, 0, s.size, func() { s.lent.Add(-1) })
	case "/part":
		s.lent.Add(1)
		r.File(s.file, 100, 1000, func() { s.lent.Add(-1) })
	case "/memory":
		r.Memory(s.file, 100, 1000)
	case "/short":
		r.File(s.file, s.size-10, 1000, nil)
	case "/cold":
		if !s.warm.Load() {
			return lane.Wait
		}
		r.Body([]byte("warm now"))
	case "/never":
		return lane.Wait
	case "/panic":
		s.lent.Add(1)
		r.File(s.file, 0, s.size, func() { s.lent.Add(-1) })
		panic("in Answer")
	case "/panicwarm":
		return lane.Wait
	default:
		return lane.NotMine
	}
	return lane.Answered
}

func (s *shelf) Warm(ctx context.Context, q *lane.Request) {
	s.warmed.Add(1)
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
		}
	}
	if string(q.Path) == "/panicwarm" {
		panic("in Warm")
	}
	if string(q.Path) == "/cold" {
		s.warm.Store(true)
	}
}

// content is what the large file has at an offset.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func newShelf(t testing.TB, size int) *shelf {
	t.Helper()
	name := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(name, content(size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &shelf{file: f, size: int64(size)}
}

// site is a web server with a lane in front. What is handed over is answered "other".
type site struct {
	*web.Server
	shelf *shelf
	lane  atomic.Pointer[lane.Lane]
	addr  string
}

func newSite(t testing.TB, s *shelf, o lane.Options) *site {
	t.Helper()
	return newSiteWith(t, s, o, http.HandlerFunc(other))
}

func newSiteWith(t testing.TB, s *shelf, o lane.Options, behind http.Handler) *site {
	t.Helper()
	site := &site{shelf: s}
	o.Handler = s
	site.Server = web.NewServer(web.Options{
		Name: "test", Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler),
		Handler: behind,
		Front: func(_ context.Context, l net.Listener) (net.Listener, error) {
			a, err := lane.Listen(l, o)
			site.lane.Store(a)
			return a, err
		},
	})
	if err := site.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := site.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if n := s.lent.Load(); n != 0 {
			t.Errorf("%d files were not released", n)
		}
		if n := site.lane.Load().Stats().Conns; n != 0 {
			t.Errorf("%d connections after Stop", n)
		}
	})
	site.addr = site.Addr()
	return site
}

// other is what stands behind the lane.
func other(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "other %s %s %s %d", r.Method, r.RequestURI, r.Host, len(b))
}

// peer is a client that sends what it likes.
type peer struct {
	net.Conn
	t  testing.TB
	in *bufio.Reader
}

func (s *site) dial(t testing.TB) *peer {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{c, t, bufio.NewReader(c)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, s); err != nil {
		p.t.Fatal(err)
	}
}

// get returns an answer's status, header and body.
func (p *peer) get(method string) (*http.Response, string) {
	p.t.Helper()
	r, err := http.ReadResponse(p.in, &http.Request{Method: method})
	if err != nil {
		p.t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r, string(b)
}

// ask sends a plain GET.
func (p *peer) ask(path string) string {
	p.t.Helper()
	p.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
	_, b := p.get("GET")
	return b
}

// eventually waits until f holds.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	lifecycletest.Until(t, 15*time.Second, what, f)
}

// same compares without printing megabytes.
func same(got, want []byte) bool { return bytes.Equal(got, want) }

func repeat(s string, n int) string { return strings.Repeat(s, n) }
