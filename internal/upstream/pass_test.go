package upstream

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/unit"
)

// speaker is a server that answers each request with bytes as they are.
type speaker struct {
	net.Listener
	conns  atomic.Int64
	answer func(c net.Conn, r *http.Request) (goOn bool)
	work   sync.WaitGroup
}

// speak listens and serves until the test ends.
func speak(t *testing.T, network, address string, answer func(c net.Conn, r *http.Request) bool) *speaker {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &speaker{Listener: l, answer: answer}
	s.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Add(1)
			s.work.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); s.work.Wait() })
	return s
}

func (s *speaker) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if !s.answer(c, r) {
			return
		}
	}
}

// says answers everything with the same bytes, and goes on.
func says(text string) func(net.Conn, *http.Request) bool {
	return func(c net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	}
}

// front serves a pool before one server, until the test ends.
func front(t *testing.T, server string, change ...func(*Config)) (*httptest.Server, *Pool) {
	t.Helper()
	c := DefaultConfig()
	c.Health.Interval = unit.Duration(time.Hour) // what is tested is what requests find out
	for _, f := range change {
		f(&c)
	}
	p, err := New(Options{
		Config: c, Servers: []string{server}, Log: slog.New(slog.DiscardHandler),
		Refuse: func(w http.ResponseWriter, _ *http.Request, f Refusal) { http.Error(w, f.Code, f.Status) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return s, p
}

func ask(t *testing.T, s *httptest.Server, method string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/a%2Fb?q=%zz&x", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.Client().Transport.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// S1-75: answers arrive as they were sent, however their end is told, and the connection is used again where that is allowed.
func TestAnswersOfEveryFramingArriveWhole(t *testing.T) {
	t.Parallel()
	f := func(name, method, said string, status int, body string, conns int64) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := speak(t, "tcp", "127.0.0.1:0", says(said))
			s, _ := front(t, "http://"+app.Addr().String())
			for range 3 {
				resp, got, err := ask(t, s, method)
				if err != nil || resp.StatusCode != status || got != body {
					t.Fatalf("%v, %q, %v", resp, got, err)
				}
			}
			if n := app.conns.Load(); n != conns {
				t.Errorf("%d connections, want %d", n, conns)
			}
		})
	}
	closing := func(text string) string { return strings.Replace(text, "\r\n", "\r\nConnection: close\r\n", 1) }
	f("a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1)
	f("length zero", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", 1)
	f("pieces", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, "hello", 1)
	f("no body", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", 1)
	f("unchanged", "GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n", 304, "", 1)
	f("HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", 1)
	f("interim", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1)
	f("continue", "GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 1)
	f("closing", "GET", closing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 200, "hello", 3)
	f("more than it said", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, "hello", 3)
}

func TestAnAnswerThatEndsWithItsConnectionArrives(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0", "1.1"} {
		app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, _ *http.Request) bool {
			_, _ = io.WriteString(c, "HTTP/"+version+" 200 OK\r\n\r\nhello")
			return false
		})
		s, _ := front(t, "http://"+app.Addr().String())
		if resp, got, err := ask(t, s, "GET"); err != nil || resp.StatusCode != 200 || got != "hello" {
			t.Errorf("HTTP/%s: %v, %q, %v", version, resp, got, err)
		}
	}
}

func TestTrailersAndEarlyHintsPass(t *testing.T) {
	t.Parallel()
	app := speak(t, "tcp", "127.0.0.1:0", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"+
		"5\r\nhello\r\n0\r\nX-Sum: 42\r\nX-More: 1\r\n\r\n"))
	s, _ := front(t, "http://"+app.Addr().String())
	resp, got, err := ask(t, s, "GET")
	if err != nil || got != "hello" || resp.Trailer.Get("X-Sum") != "42" || resp.Header.Get("X-Hop") != "" {
		t.Errorf("%v, %q, %v", resp, got, err)
	}
}

// S1-75: what is no answer is 502, and half an answer is not taken for the whole.
func TestNonsenseIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{
		"no HTTP": "hello\r\n\r\n", "nothing": "", "half a header": "HTTP/1.1 200 OK\r\nContent-Le",
		"unasked for": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"too much":    "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswerHeader) + "\r\n\r\n",
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
		"interims":    strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1),
	} {
		app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, _ *http.Request) bool { _, _ = io.WriteString(c, said); return false })
		s, _ := front(t, "http://"+app.Addr().String())
		if resp, got, err := ask(t, s, "GET"); err != nil || resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %v, %q, %v", name, resp, got, err)
		}
	}
	for name, said := range map[string]string{
		"a length": "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\nhello", "a large one": "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + strings.Repeat("x", 700_000),
		"pieces": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	} {
		app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, _ *http.Request) bool { _, _ = io.WriteString(c, said); return false })
		s, _ := front(t, "http://"+app.Addr().String())
		if resp, got, err := ask(t, s, "GET"); err == nil {
			t.Errorf("half of %s: %v, %d bytes", name, resp, len(got))
		}
	}
}

// S1-75: a server that closes idle connections costs no request, and one that must not be repeated is not.
func TestAnIdleConnectionThatTheServerClosedCostsNothing(t *testing.T) {
	t.Parallel()
	var gets, deletes atomic.Int64
	app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, r *http.Request) bool {
		map[string]*atomic.Int64{"GET": &gets, "DELETE": &deletes}[r.Method].Add(1)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
		return false // though it did not say so
	})
	s, p := front(t, "http://"+app.Addr().String())
	for i := range 50 {
		method := []string{"GET", "DELETE"}[i%2]
		if resp, got, err := ask(t, s, method); method == "GET" && (err != nil || resp.StatusCode != 200 || got != "hello") {
			t.Fatalf("%d: %v, %q, %v", i, resp, got, err)
		}
	}
	if gets.Load() != 25 || deletes.Load() > 25 { // one that crossed the closing is answered 502
		t.Errorf("the server saw %d GET and %d DELETE of 25 each", gets.Load(), deletes.Load())
	}
	if st := p.Status()[0]; st.State != "up" {
		t.Errorf("the server is %+v", st)
	}
}

// What a server says unasked is never the answer to the next request.
func TestWhatWasSaidUnaskedIsNoAnswer(t *testing.T) {
	t.Parallel()
	speakUp, said := make(chan struct{}), make(chan struct{})
	app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, r *http.Request) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
		if r.Method == http.MethodDelete { // with time to arrive apart
			<-speakUp
			_, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil")
			close(said)
		}
		return true
	})
	s, _ := front(t, "http://"+app.Addr().String())
	_, _, _ = ask(t, s, "DELETE")
	close(speakUp)
	<-said
	for range 3 {
		if resp, got, err := ask(t, s, "GET"); err != nil || resp.StatusCode != 200 || got != "hello" {
			t.Fatalf("%v, %q, %v", resp, got, err)
		}
	}
	if n := app.conns.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// S1-75: large answers go from socket to socket, and arrive as they were sent, pauses included.
func TestLargeAnswersArriveWhole(t *testing.T) {
	t.Parallel()
	want := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	dir := t.TempDir()
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(dir, "s")}} {
		for _, pause := range []bool{false, true} {
			goOn := make(chan struct{})
			app := speak(t, at[0], at[1], func(c net.Conn, _ *http.Request) bool {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(want))+"\r\n\r\n")
				_, _ = c.Write(want[:len(want)/2])
				if pause {
					<-goOn
				}
				_, err := c.Write(want[len(want)/2:])
				return err == nil
			})
			server := "http://" + app.Addr().String()
			if at[0] == "unix" {
				server = "unix:" + at[1]
			}
			s, p := front(t, server)
			p.patience = 20 * time.Millisecond
			for range 2 {
				if pause {
					go func() { <-time.After(60 * time.Millisecond); goOn <- struct{}{} }() // the answer waits for it
				}
				resp, got, err := ask(t, s, "GET")
				if err != nil || resp.ContentLength != int64(len(want)) || got != string(want) {
					t.Errorf("%s, pause %t: %d bytes, %v", at[0], pause, len(got), err)
				}
			}
			if n := app.conns.Load(); n != 1 {
				t.Errorf("%s: %d connections", at[0], n)
			}
			app.Close()
		}
	}
}

func TestALineOfTheHeaderCannotEndEarly(t *testing.T) {
	t.Parallel()
	if got := string(appendField(nil, "X", "a\r\nEvil: 1\x00\tb")); got != "X: a  Evil: 1 \tb\r\n" {
		t.Errorf("%q", got)
	}
}

// Stop ends an answer that has no end.
func TestStopEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	app := speak(t, "tcp", "127.0.0.1:0", func(c net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		close(began)
		_, _ = io.Copy(io.Discard, c) // until the other end closes
		return false
	})
	s, p := front(t, "http://"+app.Addr().String())
	ended := make(chan bool, 1)
	go func() {
		resp, _, err := ask(t, s, "GET") // told an error, or cut
		ended <- err != nil || resp.StatusCode >= 500
	}()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	if !<-ended {
		t.Error("the visitor got half an answer for a whole one")
	}
}
