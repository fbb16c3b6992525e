package epoll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role, os.Args[1:]))
	}
	lifecycletest.Main(m)
}

// patience bounds what a test waits for.
const patience = 20 * time.Second

// start returns a loop that runs until the end of the test, where nothing may be watched any more.
func start(t testing.TB) *epoll.Loop {
	t.Helper()
	l := create(t)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

func create(t testing.TB) *epoll.Loop {
	t.Helper()
	l, err := epoll.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// on runs f on the loop and waits for it.
func on(t testing.TB, l *epoll.Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Post(func() { defer close(done); f() }) {
		t.Fatal("the loop does not run")
	}
	await(t, done, "the posted function")
}

func await(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("no end of %s within %v", what, patience)
	}
}

// pair returns two connected sockets; who takes one out of the test's hands closes it.
func pair(t testing.TB) (a, b *epoll.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = epoll.NewConn(fds[0]), epoll.NewConn(fds[1])
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// handler is a Handler made of a function.
type handler func(e epoll.Events)

func (h handler) Ready(e epoll.Events) { h(e) }

func watch(t testing.TB, l *epoll.Loop, fd int, e epoll.Events, h handler) *epoll.Watch {
	t.Helper()
	w, err := l.Watch(fd, e, h)
	if err != nil {
		t.Error(err) // may be on the loop
	}
	return w
}

// must fails the test for an error where the loop may be running, too.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func write(t testing.TB, w io.Writer, text string) {
	t.Helper()
	if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}

// drain reads until there is nothing more, and returns what that was and the error that was not ErrWouldBlock.
func drain(r io.Reader) (text string, err error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if text += string(buf[:n]); n > 0 && err != nil {
			return text, fmt.Errorf("%d bytes came beside an error: %w", n, err)
		}
		if errors.Is(err, epoll.ErrWouldBlock) {
			return text, nil
		}
		if err != nil {
			return text, err
		}
	}
}
