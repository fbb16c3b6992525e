package upstream

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Server is one address of the application.
type Server struct {
	ID      string // as people write it
	Network string // "tcp" or "unix"
	Address string
	Scheme  string
	Name    string // that its certificate is for
}

// maxAnswerHeader bounds the header of an answer in bytes.
const maxAnswerHeader = 256 << 10

// node is a server and how it is. The pool's mu protects what follows the transport.
type node struct {
	Server
	cookie    string // value of the sticky cookie
	wires     wires  // for what goes without the transport
	transport atomic.Pointer[http.Transport]
	gone      chan struct{} // closed when the server is not one of the pool's any more

	busy      int
	down      bool
	hard      bool // down because it could not be reached, not because of its answers
	drained   bool
	since     time.Time // of the latest change between up and down
	warm      time.Time // slow start is over then
	fails     int       // in a row
	errors5xx int       // in a row
	rises     int       // checks in a row that succeeded, while down
	used      uint64
	requests  int64
	failures  int64
	lastError string
}

func newNode(s Server, o Options) *node {
	mac := hmac.New(sha256.New, o.Key)
	mac.Write([]byte("sticky upstream\x00" + s.ID))
	n := &node{Server: s, cookie: hex.EncodeToString(mac.Sum(nil)[:16]), since: time.Now(), gone: make(chan struct{})}
	n.transport.Store(newTransport(s, o.Config.Timeouts))
	return n
}

// newTransport makes the connections to a server.
func newTransport(s Server, t Timeouts) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, s, t)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Name},
		TLSHandshakeTimeout:    t.Connect.D(),
		ResponseHeaderTimeout:  t.Header.D(),
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConns:           0,
		MaxIdleConnsPerHost:    256,
		MaxResponseHeaderBytes: maxAnswerHeader,
		DisableCompression:     true,
		Protocols:              http1(),
	}
}

// closeIdle closes the connections that no request uses.
func (n *node) closeIdle() {
	n.transport.Load().CloseIdleConnections()
	n.wires.closeIdle()
}

// isGone reports whether the server was taken out of the configuration.
func (n *node) isGone() bool {
	select {
	case <-n.gone:
		return true
	default:
		return false
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// dialError says that no connection came about, so that the server has seen nothing of the request.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// share is what a server gets of the requests, in thousandths: less during its slow start.
func (n *node) share(now time.Time, slow time.Duration) int {
	left := n.warm.Sub(now)
	if slow <= 0 || left <= 0 {
		return 1000
	}
	return max(100, int(1000*(slow-left)/slow))
}

// takes reports whether a server may get one more request.
func (n *node) takes(most int) bool { return !n.drained && (most == 0 || n.busy < most) }
