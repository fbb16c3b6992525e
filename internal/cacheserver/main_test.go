package cacheserver_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/cacheserver"
	"holdfast/internal/resp"
	"holdfast/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct-horse-battery-staple"

// shortDir returns a directory whose path leaves room for the name of a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// start runs a server with a port and a socket.
func start(t testing.TB, change func(*cacheserver.Config)) (*cacheserver.Server, cacheserver.Config) {
	t.Helper()
	c := cacheserver.DefaultConfig()
	c.Enabled, c.Listen, c.Socket = true, "127.0.0.1:0", filepath.Join(shortDir(t), "cache.sock")
	if change != nil {
		change(&c)
	}
	if p := c.Validate(); len(p) > 0 {
		t.Fatal(p)
	}
	s, err := cacheserver.New(cacheserver.Options{Config: c, Password: secret.New(password), Log: slog.New(noPanic{slog.DiscardHandler, t}), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

// noPanic fails a test when a command panics.
type noPanic struct {
	slog.Handler
	t testing.TB
}

func (h noPanic) Enabled(context.Context, slog.Level) bool { return true }

func (h noPanic) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "panic") {
		r.Attrs(func(a slog.Attr) bool { h.t.Error(a); return true })
	}
	return nil
}

// peer is a client of the protocol.
type peer struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, network, address string) *peer {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t, conn, bufio.NewReader(conn)}
}

func (p *peer) send(words ...string) {
	p.t.Helper()
	var w resp.Writer
	w.Array(len(words))
	for _, word := range words {
		w.Text(word)
	}
	if _, err := p.conn.Write(bytes.Join(w.Take(), nil)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() resp.Value {
	p.t.Helper()
	v, err := resp.ReadReply(p.in)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

func (p *peer) do(words ...string) string {
	p.t.Helper()
	p.send(words...)
	return show(p.read())
}

// want runs a command, its words between spaces, and compares the answer as show writes it.
func (p *peer) want(answer, command string) {
	p.t.Helper()
	if got := p.do(strings.Fields(command)...); got != answer {
		p.t.Errorf("%s: %s; want %s", command, got, answer)
	}
}

// show writes a reply with its kind, in one line.
func show(v resp.Value) string {
	switch {
	case v.Null:
		return string(v.Kind) + "nil"
	case v.Kind == ':':
		return fmt.Sprint(v.Int)
	case v.Kind == '-':
		return "-" + v.Text
	case v.Kind == '+' || v.Kind == '$':
		return v.Text
	case v.List != nil || strings.IndexByte("*%~>", v.Kind) >= 0:
		var parts []string
		for _, i := range v.List {
			parts = append(parts, show(i))
		}
		return string(v.Kind) + "[" + strings.Join(parts, " ") + "]"
	}
	return string(v.Kind) + v.Text
}
