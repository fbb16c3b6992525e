package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/unit"
	"holdfast/test/program"
)

// S1-75, S1-76: what an application gets to know, over TCP and over a Unix socket; forged fields are gone.
func TestTheApplicationLearnsTheTruthAboutItsVisitor(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(echo))
	s := start(t, edge.Options{Config: config(a.url)})
	got := s.ask("GET /a%20b/%2Fc?x=1;y=%zz", "Host: journal.example.org",
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.org", "X-Forwarded-Port: 99", "X-Real-Ip: 6.6.6.6",
		"Forwarded: for=6.6.6.6", "X_Forwarded_For: 6.6.6.6", "X_real-ip: 6.6.6.6", "X-Accel-Redirect: /private/x", "X-Sendfile-Type: x",
		"X-Forwarded-Prefix: /evil", "X-Original-Url: /admin", "Proxy: http://evil.org", "True-Client-Ip: 6.6.6.6", "Keep-Alive: 5",
		"Connection: X-Drop", "X-Drop: me", "X-Keep: me")
	for _, want := range []string{
		"GET /a%20b/%2Fc?x=1;y=%zz\n", "Host: journal.example.org\n", "X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Proto: http\n",
		"X-Forwarded-Host: journal.example.org\n", "X-Forwarded-Port: 80\n", "X-Real-Ip: 127.0.0.1\n",
		`Forwarded: for=127.0.0.1;host="journal.example.org";proto=http` + "\n", "X-Keep: me\n",
		"X-Request-Id: " + got.Header.Get("X-Request-Id") + "\n",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the application does not see %q in:\n%s", want, got.body)
		}
	}
	for _, forged := range []string{"6.6.6.6", "evil", "_", "Accel", "Sendfile", "X-Original", "X-Drop", "Keep-Alive"} {
		if strings.Contains(got.body, forged) {
			t.Errorf("the application sees %q in:\n%s", forged, got.body)
		}
	}
	if got.Header.Get("X-Request-Id") == "" {
		t.Error("the answer has no request id")
	}
}

// S1-76: a trusted proxy's word counts, and of a chain only what trusted proxies say.
func TestATrustedProxyIsBelievedAndWhatStoodBeforeItIsNot(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(echo))
	c := config(a.url)
	c.TrustedProxies = []string{"127.0.0.0/8", "10.0.0.0/8"}
	s := start(t, edge.Options{Config: c})
	got := s.ask("GET /", "X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: https",
		"X-Forwarded-Host: www.example.org", "Host: www.example.org")
	for _, want := range []string{
		"X-Forwarded-For: 203.0.113.9, 10.1.1.1, 127.0.0.1\n", "X-Real-Ip: 203.0.113.9\n", "X-Forwarded-Proto: https\n", "X-Forwarded-Port: 443\n",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %q in:\n%s", want, got.body)
		}
	}
	if strings.Contains(got.body, "6.6.6.6") {
		t.Errorf("what a visitor wrote before the proxy is believed:\n%s", got.body)
	}
	if got.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS, though the visitor came by HTTPS")
	}
}

func TestAnApplicationOnAUnixSocketIsReached(t *testing.T) {
	t.Parallel()
	path := filepath.Join(program.ShortDir(t), "app.sock")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(echo)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	s := start(t, edge.Options{Config: config("unix:" + path)})
	if got := s.ask("GET /x"); got.StatusCode != 200 || !strings.HasPrefix(got.body, "GET /x\n") {
		t.Errorf("%d %q", got.StatusCode, got.body)
	}
}

// talkative sends an event for each that it gets from next, and speaks another protocol at /ws.
func talkative(next chan struct{}) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil || r.Header.Get("Upgrade") != "websocket" {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("you said " + line)
		_ = rw.Flush()
		_, _ = io.Copy(io.Discard, rw)
	})
	return mux
}

// Server-sent events arrive one by one; a connection that is upgraded carries bytes in both directions.
func TestStreamsAndWebSocketsPassPieceByPiece(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	s := start(t, edge.Options{Config: config(startApp(t, talkative(next)).url)})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/events", nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 { // each only after the one before arrived
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		_, _ = lines.ReadString('\n')
		next <- struct{}{}
	}
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	ws := bufio.NewReader(c)
	head, err := http.ReadResponse(ws, nil)
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols || head.Header.Get("X-Request-Id") == "" {
		t.Fatalf("upgrade: %v, %v", head, err)
	}
	_, _ = io.WriteString(c, "hello\n")
	if line, err := ws.ReadString('\n'); err != nil || line != "you said hello\n" {
		t.Errorf("through the socket: %q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Errorf("stop with a socket open: %v", err)
	}
	if n, err := ws.Read(make([]byte, 1)); err == nil {
		t.Errorf("the socket lives on after the stop: %d", n)
	}
}

// Trailers and interim answers pass, hop-by-hop fields do not.
func TestTrailersPassAndHopByHopFieldsEndHere(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Trailer", "X-Digest")
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("Proxy-Authenticate", "Basic")
		h.Set("X-Accel-Redirect", "/somewhere") // without edge.accel it means nothing, and tells nobody
		_, _ = io.WriteString(w, "body")
		h.Set("X-Digest", "abc")
	}))
	s := start(t, edge.Options{Config: config(a.url)})
	got := s.ask("GET /")
	if got.body != "body" || got.Trailer.Get("X-Digest") != "abc" {
		t.Errorf("body %q, trailer %v", got.body, got.Trailer)
	}
	for _, name := range []string{"X-Hop", "Proxy-Authenticate", "X-Accel-Redirect"} {
		if got.Header.Get(name) != "" {
			t.Errorf("%s passed", name)
		}
	}
}

// Expect: 100-continue: the body is sent only when the application wants it.
func TestABodyIsAskedForOnlyWhenTheApplicationWantsIt(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(bytes.ToUpper(b))
	}))
	s := start(t, edge.Options{Config: config(a.url)})
	head := "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
	if got := s.raw(fmt.Sprintf(head, "/no")); !strings.HasPrefix(got, "HTTP/1.1 401") {
		t.Errorf("refused before the body: %q", got)
	}
	if got := s.raw(fmt.Sprintf(head, "/yes") + "hello"); !strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200") || !strings.HasSuffix(got, "HELLO") {
		t.Errorf("wanted: %q", got)
	}
}

// Bodies above the limit: 413, announced or not.
func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			_, _ = io.WriteString(w, "read")
		}
	}))
	c := config(a.url)
	c.Upstream.MaxBody = 1000
	s := start(t, edge.Options{Config: c})
	for name, body := range map[string]io.Reader{
		"announced": bytes.NewReader(make([]byte, 1001)), "chunked": io.MultiReader(bytes.NewReader(make([]byte, 100_000))),
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), body)
		if got := s.send(r); got.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(got.body, "body_too_large") {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.body)
		}
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), bytes.NewReader(make([]byte, 1000)))
	if got := s.send(r); got.body != "read" {
		t.Errorf("at the limit: %d %s", got.StatusCode, got.body)
	}
}

// S0-27: 502, 503 and 504 say so in a short page or JSON, with the time to come back and the id of the log.
func TestAFailureOfTheApplicationIsAShortPageWithTheRequestID(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-held:
		}
	})
	mux.HandleFunc("/break", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	a := startApp(t, mux)
	c := config(a.url)
	c.Upstream.Timeouts.Connect, c.Upstream.Timeouts.Header = unit.Duration(100*time.Millisecond), unit.Duration(300*time.Millisecond)
	c.Upstream.Timeouts.Wait = unit.Duration(200 * time.Millisecond)
	s := start(t, edge.Options{Config: c})
	f := func(line string, status int, code string) {
		t.Helper()
		got := s.ask(line, "Accept: application/json")
		id := got.Header.Get("X-Request-Id")
		if got.StatusCode != status || !strings.Contains(got.body, code) || !strings.Contains(got.body, id) || got.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q, %s", line, got.StatusCode, got.Header.Get("Retry-After"), got.body)
		}
		page := s.ask(line, "Accept: text/html,*/*")
		if id := page.Header.Get("X-Request-Id"); page.StatusCode != status || !strings.Contains(page.body, "request "+id) ||
			!strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s as a page: %d %s", line, page.StatusCode, page.body)
		}
		if !strings.Contains(s.log.String(), id) {
			t.Errorf("%s: the id is not in the log", line)
		}
	}
	f("GET /slow", http.StatusGatewayTimeout, "app_timeout")
	f("POST /break", http.StatusBadGateway, "app_broke_off")
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/half", nil)
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("half an answer looks like a whole one")
	}
	a.Close()
	f("GET /down", http.StatusServiceUnavailable, "app_down")
}

// A visitor who goes away ends the request at the application, and is nobody's failure.
func TestAVisitorWhoLeavesEndsTheRequestAtTheApplication(t *testing.T) {
	t.Parallel()
	came, gone := make(chan struct{}), make(chan struct{})
	a := startApp(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(gone)
	}))
	s := start(t, edge.Options{Config: config(a.url)})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
	}()
	<-came
	cancel()
	<-left
	<-gone
	p, _ := s.Upstreams()
	eventually(t, "the server is free", func() error {
		if st := p.Status()[0]; st.Busy != 0 || st.Failures != 0 || st.State != "up" || !strings.Contains(s.log.String(), `"status":499`) {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

// An answer that pauses for longer than idle is cut; one that says something now and then is not, over HTTP/2 either.
func TestAnAnswerMayPauseOnlyForSoLong(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 5 {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			<-time.After(100 * time.Millisecond)
		}
		if r.URL.Path == "/hangs" {
			<-r.Context().Done()
		}
	}))
	cert, roots := certificate(t, t.TempDir(), "one.example.org")
	c := config(a.url)
	c.TLSCert, c.TLSKey = cert.Cert, cert.Key
	c.Upstream.Timeouts.Idle = unit.Duration(300 * time.Millisecond)
	s := start(t, edge.Options{Config: c})
	k := client(roots, "one.example.org", true)
	f := func(path string, whole bool) {
		t.Helper()
		resp, err := k.Get(s.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if resp.ProtoMajor != 2 || string(b) != "xxxxx" || (err == nil) != whole {
			t.Errorf("%s: %s %q, %v", path, resp.Proto, b, err)
		}
	}
	f("/talks", true)
	f("/hangs", false)
}
