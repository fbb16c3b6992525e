package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"holdfast/internal/pgwire"
)

// crowd are clients that have logged in, have asked something once, and are idle.
type crowd struct {
	mu    sync.Mutex
	conns []net.Conn // mu protects it
}

// gather lets n clients log in at the door, sixteen at a time.
func gather(ctx context.Context, d *door, n int, secure bool) (*crowd, error) {
	c := &crowd{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, n)
	for range n {
		places <- struct{}{}
	}
	close(places)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range places {
				if ctx.Err() != nil {
					return
				}
				if err := c.join(d, secure); err != nil {
					cancel(fmt.Errorf("client of %s: %w", d.name, err))
					return
				}
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		c.leave()
		return nil, context.Cause(ctx)
	}
	return c, nil
}

// join adds a client.
func (c *crowd) join(d *door, secure bool) error {
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+d.port, time.Minute)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conns = append(c.conns, conn)
	c.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	talk := conn
	if secure {
		if talk, err = encrypt(conn); err != nil {
			return err
		}
	}
	hello := pgwire.AppendStartup(nil, 3<<16, []pgwire.Param{{Name: "user", Value: benchUser}, {Name: "database", Value: benchUser}})
	if err := ask(talk, hello); err != nil {
		return err
	}
	return ask(talk, pgwire.AppendQuery(nil, "SELECT 1"))
}

func encrypt(conn net.Conn) (net.Conn, error) {
	if _, err := conn.Write(pgwire.AppendSSLRequest(nil)); err != nil {
		return nil, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return nil, err
	}
	if answer[0] != 'S' {
		return nil, fmt.Errorf("it answers %q to the wish for TLS", answer[0])
	}
	s := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // our own certificate, made for this run
	return s, s.Handshake()
}

// ask sends a request and reads until the server is ready for the next one.
func ask(conn net.Conn, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	r := pgwire.NewReader(conn, 1<<20)
	for {
		typ, body, err := r.ReadMessage()
		switch {
		case err != nil:
			return err
		case typ == byte(pgwire.ErrorResponse):
			n, err := pgwire.ParseNotice(body)
			return errors.Join(fmt.Errorf("%s: %s", n.Code, n.Message), err)
		case typ == byte(pgwire.ReadyForQuery):
			return nil
		}
	}
}

// leave closes all connections.
func (c *crowd) leave() {
	for _, conn := range c.conns {
		_ = conn.Close() // nothing is lost
	}
}

// weigh returns what n clients that do nothing cost a fresh pooler, in KB for each: the growth of its resident set. Garbage of
// the log-ins counts: it is there until somebody collects it.
func weigh(ctx context.Context, d *door, n int, secure bool) (float64, error) {
	pid := d.process.cmd.Process.Pid
	few, err := gather(ctx, d, poolSize, secure) // the pool fills, and what the first client needs is there
	if err != nil {
		return 0, err
	}
	few.leave()
	before, err := resident(pid)
	if err != nil {
		return 0, err
	}
	all, err := gather(ctx, d, n, secure)
	if err != nil {
		return 0, err
	}
	defer all.leave()
	after, err := resident(pid)
	return float64(after-before) / 1024 / float64(n), err
}
