package epoll_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

// tcpPair returns two ends of a connection over the loopback.
func tcpPair(t testing.TB) (near, far net.Conn) { return dialed(t, "tcp", "127.0.0.1:0") }

func unixPair(t testing.TB) (near, far net.Conn) {
	dir, err := os.MkdirTemp("", "ep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dialed(t, "unix", filepath.Join(dir, "s"))
}

func dialed(t testing.TB, network, address string) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if far, err = net.Dial(network, listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestATakenConnectionGoesOnWithoutTheOriginal(t *testing.T) {
	t.Parallel()
	for name, dial := range map[string]func(testing.TB) (net.Conn, net.Conn){"tcp": tcpPair, "unix": unixPair} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, far := dial(t)
			write(t, far, "early")
			local, remote := near.LocalAddr().String(), near.RemoteAddr().String()
			c, err := epoll.Take(near)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the original: %v; want closed", err)
			}
			if c.LocalAddr() != local || c.RemoteAddr() != remote {
				t.Errorf("addresses %q, %q; want %q, %q", c.LocalAddr(), c.RemoteAddr(), local, remote)
			}
			write(t, c, "hello")
			buf := make([]byte, 10)
			if n, err := far.Read(buf); string(buf[:n]) != "hello" || err != nil {
				t.Errorf("peer read %q, %v", buf[:n], err)
			}
			if text, err := drain(c); text != "early" || err != nil {
				t.Errorf("read %q, %v", text, err)
			}
			must(t, c.Close())
			if _, err := far.Read(buf); !errors.Is(err, io.EOF) {
				t.Errorf("peer: %v; want EOF", err)
			}
		})
	}
}

// Go's own poller must not be woken for sockets that the loop serves.
func TestNoPollerKnowsATakenConnection(t *testing.T) {
	t.Parallel()
	near, _ := tcpPair(t)
	if c := near.(*net.TCPConn); pollersOf(t, inode(t, c)) != 1 {
		t.Fatal("a connection of the net package is not seen in the runtime's poller: this test sees nothing")
	}
	number := inode(t, near.(*net.TCPConn))
	c, err := epoll.Take(near)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, c.Close()) }()
	if n := pollersOf(t, number); n != 0 {
		t.Errorf("%d pollers still know the socket", n)
	}
}

func inode(t *testing.T, c syscall.Conn) uint64 {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	must(t, raw.Control(func(fd uintptr) { must(t, unix.Fstat(int(fd), &stat)) }))
	return stat.Ino
}

// pollersOf returns how often epoll instances of this process wait for a file: proc(5), /proc/pid/fdinfo.
func pollersOf(t *testing.T, inode uint64) (n int) {
	t.Helper()
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		text, _ := os.ReadFile(info) // some are gone meanwhile
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "tfd:") && strings.Contains(line, fmt.Sprintf("ino:%x ", inode)) {
				n++
			}
		}
	}
	return n
}

func TestWhatHasNoDescriptorCannotBeTaken(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if _, err := epoll.Take(a); err == nil {
		t.Error("took a pipe in memory")
	}
	near, _ := tcpPair(t)
	must(t, near.Close())
	if _, err := epoll.Take(near); !errors.Is(err, net.ErrClosed) {
		t.Errorf("took a closed connection: %v", err)
	}
}

func TestReadingWaitsForNothing(t *testing.T) {
	t.Parallel()
	a, b := pair(t) // blocking sockets, as it happens: nothing may depend on that
	buf := make([]byte, 10)
	if n, err := a.Read(buf); n != 0 || !errors.Is(err, epoll.ErrWouldBlock) {
		t.Errorf("read %d, %v; want ErrWouldBlock", n, err)
	}
	if n, err := a.Peek(buf[:1]); n != 0 || !errors.Is(err, epoll.ErrWouldBlock) {
		t.Errorf("peek %d, %v; want ErrWouldBlock", n, err)
	}
	if n, err := a.Read(nil); n != 0 || err != nil {
		t.Errorf("read into nothing: %d, %v", n, err)
	}
	write(t, b, "xy")
	for range 2 {
		if n, err := a.Peek(buf[:1]); n != 1 || err != nil || buf[0] != 'x' {
			t.Errorf("peek %d %q, %v; want x", n, buf[:n], err)
		}
	}
	must(t, b.Close())
	if n, err := a.Read(buf); string(buf[:n]) != "xy" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	for range 2 {
		if n, err := a.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read %d, %v; want EOF", n, err)
		}
		if n, err := a.Peek(buf[:1]); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("peek %d, %v; want EOF", n, err)
		}
	}
}

func TestWritingTakesWhatFitsAndTellsTheRest(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: more than a socket holds
	n, err := a.Write(sent)
	if n == 0 || n >= len(sent) || !errors.Is(err, epoll.ErrWouldBlock) {
		t.Fatalf("wrote %d of %d: %v; want a part", n, len(sent), err)
	}
	if n, err := a.Write(sent); n != 0 || !errors.Is(err, epoll.ErrWouldBlock) {
		t.Fatalf("wrote %d to a full socket: %v", n, err)
	}
	if n, err := a.Write(nil); n != 0 || err != nil {
		t.Errorf("wrote nothing: %d, %v", n, err)
	}
	text, err := drain(b)
	if text != string(sent[:n]) || err != nil {
		t.Errorf("%d bytes arrived of the %d: %v", len(text), n, err)
	}
}

func TestWritingToAClosedPeerIsAnErrorAndNoSignal(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGPIPE, syscall.SIGWINCH)
	defer signal.Stop(signals)
	a, b := pair(t)
	must(t, b.Close())
	if _, err := a.Write([]byte("x")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("write: %v; want EPIPE", err)
	}
	must(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH)) // the runtime hands on the lower number first
	if s := <-signals; s != syscall.SIGWINCH {
		t.Errorf("%v was raised", s)
	}
}

func TestAClosedConnectionDoesNothing(t *testing.T) {
	t.Parallel()
	a, _ := pair(t)
	must(t, a.Close())
	must(t, a.Close()) // would close somebody else's descriptor
	if a.FD() != -1 {
		t.Errorf("descriptor %d; want -1", a.FD())
	}
	for what, f := range map[string]func() error{
		"read":       func() error { _, err := a.Read(make([]byte, 1)); return err },
		"peek":       func() error { _, err := a.Peek(make([]byte, 1)); return err },
		"write":      func() error { _, err := a.Write([]byte("x")); return err },
		"closeWrite": a.CloseWrite,
	} {
		if err := f(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v; want closed", what, err)
		}
	}
}
