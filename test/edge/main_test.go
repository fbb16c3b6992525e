package edge_test

import (
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
	"sync"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/logging"
	"holdfast/internal/unit"
)

// site is an edge under test.
type site struct {
	*edge.Edge
	t    *testing.T
	log  *syncBuffer
	addr string // that ask asks; "": the first
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex // protects the following
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// config returns settings for tests: quick checks, a free port.
func config(servers ...string) edge.Config {
	c := edge.DefaultConfig()
	c.Listen = "127.0.0.1:0"
	c.Upstreams = servers
	c.Upstream.Health.Interval = unit.Duration(100 * time.Millisecond)
	c.Upstream.SlowStart = 0
	c.Upstream.Timeouts.Wait = unit.Duration(2 * time.Second)
	return c
}

// start runs an edge until the test ends.
func start(t *testing.T, o edge.Options) *site {
	t.Helper()
	s := &site{t: t, log: new(syncBuffer)}
	if problems := o.Config.Validate(); len(problems) > 0 {
		t.Fatal(problems.Err())
	}
	o.Log = logging.New(logging.Config{Level: "debug", Format: "json"}, s.log)
	o.Key = []byte("a key of the test")
	begin := func() (err error) {
		if s.Edge, err = edge.New(o); err != nil {
			t.Fatal(err)
		}
		return s.Start(t.Context())
	}
	err := begin()
	for range 5 { // the kernel chose a TCP port of which the UDP port is somebody's
		if !o.Config.HTTP3 || err == nil {
			break
		}
		err = begin()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// app is an application server of the test's own.
type app struct {
	http.Server
	url  string
	addr string
}

// startApp serves on a free port until the test ends.
func startApp(t *testing.T, h http.Handler) *app {
	t.Helper()
	return startAppAt(t, "127.0.0.1:0", h)
}

func startAppAt(t *testing.T, addr string, h http.Handler) *app {
	t.Helper()
	var l net.Listener
	eventually(t, "listen on "+addr, func() (err error) {
		l, err = new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		return err
	})
	a := &app{Server: http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}, addr: l.Addr().String()}
	a.url = "http://" + a.addr
	done := make(chan struct{})
	go func() { defer close(done); _ = a.Serve(l) }() // waited for in the cleanup
	t.Cleanup(func() { a.Close(); <-done })
	return a
}

// eventually tries until there is no error, for twenty seconds.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		if err := try(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// answer is what a request got.
type answer struct {
	*http.Response
	body string
}

// ask sends a request of "METHOD path" with fields "Name: value", on a connection of its own.
func (s *site) ask(line string, fields ...string) answer {
	s.t.Helper()
	method, path, _ := strings.Cut(line, " ")
	url := s.URL()
	if s.addr != "" {
		url = "http://" + s.addr
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header[name] = append(r.Header[name], value)
	}
	return s.send(r)
}

func (s *site) send(r *http.Request) answer {
	s.t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp, string(b)}
}

// raw sends bytes as they are and returns what comes back until the connection ends.
func (s *site) raw(text string) string {
	s.t.Helper()
	c, err := new(net.Dialer).DialContext(s.t.Context(), "tcp", s.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, text) // refused in the middle: the answer tells
	b, _ := io.ReadAll(c)          // a reset ends it, too
	return string(b)
}

// echo answers with what the application sees of a request.
func echo(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s %s\nHost: %s\n", r.Method, r.RequestURI, r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			fmt.Fprintf(w, "%s: %s\n", name, v)
		}
	}
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dial reaches the edge, whatever is asked for.
func (s *site) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", s.Addr())
}
