package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"holdfast/internal/certtest"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/logging"
)

// freePort returns a UDP address that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// startQUIC serves until the test ends, and returns the address and settings of a client.
func startQUIC(t *testing.T, h http.Handler, times quicTimes) (*QUICServer, string, *tls.Config) {
	t.Helper()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	var address string
	var s *QUICServer
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		address = freePort(t)
		s = NewQUICServer(QUICOptions{
			Name: "test", Listen: func() string { return address }, Handler: h, times: times,
			TLS: &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}, Log: logging.New(logging.Config{Level: "error"}, t.Output()),
		})
		return s.Start(t.Context())
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, address, &tls.Config{RootCAs: pair.Pool(), ServerName: "localhost", NextProtos: []string{http3.NextProtoH3}}
}

func visitor(t *testing.T, c *tls.Config) *http3.Transport {
	t.Helper()
	tr := &http3.Transport{TLSClientConfig: c}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func TestHTTP3ServesRequestsWithBodiesBothWays(t *testing.T) {
	t.Parallel()
	h := Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }),
		logging.New(logging.Config{Level: "error"}, t.Output()), nil)
	_, address, c := startQUIC(t, h, quicTimes{})
	body := strings.Repeat("0123456789", 300_000)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+"/", strings.NewReader(body))
	resp, err := visitor(t, c).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != body || resp.ProtoMajor != 3 || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("%d bytes, %v, %s", len(b), err, resp.Proto)
	}
}

func TestAQUICServerThatStopsLetsARequestEndAndClosesIdleConnections(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	s, address, c := startQUIC(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-proceed
		}
		_, _ = io.WriteString(w, "done")
	}), quicTimes{first: time.Minute, idle: time.Hour, linger: 50 * time.Millisecond})
	get := func(tr *http3.Transport, path string) (string, error) {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, nil)
		resp, err := tr.RoundTrip(r)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	if got, err := get(visitor(t, c), "/"); got != "done" || err != nil { // its connection stays open
		t.Fatalf("%q, %v", got, err)
	}
	type outcome struct {
		got string
		err error
	}
	slow := make(chan outcome, 1)
	busy := visitor(t, c)
	go func() { got, err := get(busy, "/slow"); slow <- outcome{got, err} }()
	<-entered
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() { stopped <- s.Stop(ctx) }()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		d, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		conn, err := quic.DialAddr(d, address, c, nil)
		if err == nil {
			_ = conn.CloseWithError(0, "")
			return errors.New("connected")
		}
		return nil
	})
	close(proceed)
	if o := <-slow; o.got != "done" || o.err != nil {
		t.Errorf("the request under way: %q, %v", o.got, o.err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// S1-70, slow loris: half a request holds a connection for as long as it may, whatever else is sent.
func TestAConnectionThatNeverCompletesARequestIsClosed(t *testing.T) {
	t.Parallel()
	_, address, c := startQUIC(t, http.NotFoundHandler(), quicTimes{first: 200 * time.Millisecond, idle: time.Hour, linger: time.Second})
	conn, err := quic.DialAddr(t.Context(), address, c, &quic.Config{KeepAlivePeriod: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	str, err := conn.OpenStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := str.Write([]byte{1, 0x40, 0xff}); err != nil { // HEADERS of 255 bytes, and none of them
		t.Fatal(err)
	}
	select {
	case <-conn.Context().Done():
	case <-time.After(10 * time.Second):
		t.Error("it is still open")
	}
}

func TestAHeaderAboveTheLimitIsRefusedOverQUIC(t *testing.T) {
	t.Parallel()
	_, address, c := startQUIC(t, http.NotFoundHandler(), quicTimes{})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
	for i := range 40 {
		r.Header.Add("X-Long", strings.Repeat("a", 2000+i))
	}
	tr := visitor(t, c)
	resp, err := tr.RoundTrip(r)
	if err == nil {
		resp.Body.Close()
	}
	if err == nil && resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestEarlyDataIsNotTaken(t *testing.T) {
	t.Parallel()
	_, address, c := startQUIC(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}), quicTimes{})
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i := range 2 {
		conn, err := quic.DialAddrEarly(t.Context(), address, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		<-conn.HandshakeComplete()
		if s := conn.ConnectionState(); s.Used0RTT || i == 1 && !s.TLS.DidResume {
			t.Errorf("connection %d: early data %v, resumed %v", i, s.Used0RTT, s.TLS.DidResume)
		}
		resp, err := (&http3.Transport{TLSClientConfig: c}).NewClientConn(conn).RoundTrip(request(t, address)) // the ticket has come by then
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		_ = conn.CloseWithError(0, "")
	}
}

func request(t *testing.T, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestQUICServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	lifecycletest.Stress(t, func() lifecycle.Service {
		return NewQUICServer(QUICOptions{
			Name: "test", Listen: func() string { return "127.0.0.1:0" }, Handler: http.NotFoundHandler(),
			TLS: &tls.Config{Certificates: []tls.Certificate{pair.TLS()}}, Log: logging.New(logging.Config{Level: "error"}, t.Output()),
		})
	})
}
