package cacheserver

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"holdfast/internal/resp"
)

// joinRelay joins a client that has logged in with the other server, until one of them leaves. Its HELLO is answered by that
// server; its other commands so far were answered here.
func (c *client) joinRelay() {
	other, in, greeting, err := c.server.relay.dial(context.Background(), c.w.Proto, c.greet)
	if err != nil {
		c.server.log.Warn("cache: relay", "error", err)
		c.w.Error("ERR the cache server behind Holdfast cannot be reached")
		_ = c.flush()
		return
	}
	defer other.Close()
	if c.greet {
		writeValue(c.w, greeting)
	}
	if c.flush() != nil {
		return
	}
	c.joined = true
	_ = c.conn.SetDeadline(time.Time{})
	if c.server.stopping.Load() {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { // ends when either side is closed, which each does to both
		_, _ = io.Copy(c.conn, in)
		c.conn.Close()
		other.Close()
	})
	_, _ = io.Copy(other, c.in.Rest())
	halfClose(other)
	both.Wait()
}

// lastAnswers is how long the other server may take for them.
const lastAnswers = 5 * time.Second

// halfClose says that no more commands come; answers under way still do.
func halfClose(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(lastAnswers))
		return
	}
	conn.Close()
}

// writeValue writes a reply that was read.
func writeValue(w *resp.Writer, v resp.Value) {
	switch v.Kind {
	case ':':
		w.Int(v.Int)
	case '-':
		w.Error(v.Text)
	case '+':
		w.Simple(v.Text)
	case '%', '*', '~':
		if v.Kind == '%' {
			w.Map(len(v.List) / 2)
		} else {
			w.Array(len(v.List))
		}
		for _, item := range v.List {
			writeValue(w, item)
		}
	case '_':
		w.Null()
	default:
		w.Text(v.Text)
	}
}
