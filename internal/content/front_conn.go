package content

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/logging"
	"holdfast/internal/web"
)

// frontConn is a connection to the content socket.
type frontConn struct {
	net.Conn
	front      *front
	connection *connection
	unread     []byte      // what net/http has to read first
	out        []byte      // memory for answers
	lost       atomic.Bool // the peer went away while its request was being worked on
}

const (
	frontBuffer  = 2 << 10  // that a connection keeps
	frontLargest = 64 << 10 // a request of a head and a body
)

// serve answers one request after the other until the connection ends or is handed over.
func (c *frontConn) serve() {
	ctx := context.WithValue(c.front.life, connectionKey{}, c.connection)
	buf, n := make([]byte, frontBuffer), 0
	for first := true; ; first = false {
		h, v, got, size := c.await(buf, n, first)
		buf, n = got, size
		if v == foreign {
			c.front.handOver(c, buf[:n])
			return
		}
		if v == more || !c.respond(ctx, h) || h.last {
			break
		}
		n = copy(buf, buf[h.size:n])
		if len(buf) > frontBuffer && n < frontBuffer {
			buf = append(make([]byte, 0, frontBuffer), buf[:n]...)[:frontBuffer]
		}
	}
	c.front.forget(c)
	c.end()
}

// end closes the connection and releases its leases.
func (c *frontConn) end() {
	_ = c.Close() // nobody is left to tell
	c.front.leases.leave(c)
}

// await reads until a request is there, or as much of one as tells that it is foreign. More means that none comes.
func (c *frontConn) await(buf []byte, n int, first bool) (head, verdict, []byte, int) {
	timed := first
	if first {
		_ = c.SetReadDeadline(time.Now().Add(frontHeadTime))
	}
	for {
		if n > 0 {
			h, v := readHead(buf[:n], c.front.routes)
			if v != more {
				if timed {
					_ = c.SetReadDeadline(time.Time{})
				}
				return h, v, buf, n
			}
			if !timed {
				timed = true
				_ = c.SetReadDeadline(time.Now().Add(frontHeadTime))
			}
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, frontLargest-len(buf))...)
		}
		if !c.front.idle(c, n == 0) {
			return head{}, more, buf, n
		}
		got, err := c.Conn.Read(buf[n:])
		c.front.idle(c, false)
		if err != nil {
			return head{}, more, buf, n
		}
		n += got
	}
}

// wake ends the wait for a request.
func (c *frontConn) wake() { _ = c.SetReadDeadline(time.Unix(1, 0)) }

// respond does what a request asks for and writes the answer. It reports whether another request may follow.
func (c *frontConn) respond(ctx context.Context, h head) bool {
	began := time.Now()
	if h.id == "" {
		h.id = logging.NewRequestID()
	}
	ctx = logging.WithRequestID(ctx, h.id)
	status, body := c.perform(ctx, h)
	c.out = appendAnswer(c.out[:0], status, h, body)
	_, err := c.Write(c.out)
	if c.lost.Load() {
		status = statusGone
	}
	if cap(c.out) > frontLargest {
		c.out = nil
	}
	c.front.journal.Write(ctx, web.Line{
		Method: http.MethodPost, Route: h.route, Status: status, Bytes: int64(len(body)), Took: time.Since(began), Peer: "@",
	})
	return err == nil
}

// perform returns the answer as control.Handle would have written it.
func (c *frontConn) perform(ctx context.Context, h head) (status int, body []byte) {
	defer func() {
		if p := recover(); p != nil {
			c.front.journal.Log.ErrorContext(ctx, "handler panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			status, body = failed(fault.New(fault.Internal, "", "internal error"), h.id)
		}
	}()
	answer, err := c.front.routes[h.route](ctx, h.body)
	if err == nil {
		body, err = json.Marshal(answer)
	}
	if err != nil {
		return failed(err, h.id)
	}
	return http.StatusOK, append(body, '\n')
}

func failed(err error, id string) (status int, body []byte) {
	body, _ = json.Marshal(map[string]control.ErrorBody{"error": control.Body(err, id)}) // of strings
	return control.Status(err), append(body, '\n')
}

// appendAnswer writes an answer with the fields that net/http would have written.
func appendAnswer(b []byte, status int, h head, body []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(status)...)
	b = append(b, "\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "...)
	b = append(b, h.id...)
	b = append(b, "\r\nDate: "...)
	b = time.Now().UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	if h.last {
		b = append(b, "\r\nConnection: close"...)
	}
	b = append(b, headEnd...)
	return append(b, body...)
}

// callOf makes a call of a function from request to answer.
func callOf[Q, R any](f func(context.Context, Q) (R, error)) frontCall {
	return func(ctx context.Context, body []byte) (any, error) {
		var q Q
		if err := control.Decode(bytes.NewReader(body), &q); err != nil {
			return nil, err
		}
		return f(ctx, q)
	}
}

// statusGone stands in the log for a request whose peer went away, as in package web.
const statusGone = 499

// watch returns a context that ends when the peer goes away. Nothing is read meanwhile; done ends the watch.
func (c *frontConn) watch(ctx context.Context) (watched context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // done waits for it
		defer close(ended)
		if c.gone() {
			c.lost.Store(true)
			cancel()
		}
	}()
	return ctx, func() {
		c.wake()
		<-ended
		_ = c.SetReadDeadline(time.Time{})
		cancel()
	}
}

// gone waits until there is something to read, and reports whether that is the end.
func (c *frontConn) gone() (end bool) {
	u, ok := c.Conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	err = raw.Read(func(fd uintptr) bool {
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if errors.Is(err, unix.EAGAIN) {
			return false
		}
		end = n == 0 || err != nil
		return true
	})
	return end && err == nil
}
