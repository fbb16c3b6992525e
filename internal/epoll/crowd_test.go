package epoll_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

// crowd connects a number of clients to a Unix socket, with TLS or plainly, says some bytes by each and stays until its
// standard input ends.
func crowd(args []string) error {
	n, errN := strconv.Atoi(args[1])
	size, errSize := strconv.Atoi(args[2])
	err := errors.Join(errN, errSize)
	all := make([]net.Conn, 0, n) // or the garbage collector would close them
	for range n {
		c, errDial := net.Dial("unix", args[0])
		for errors.Is(errDial, unix.EAGAIN) { // the listener's queue is full: it accepts one after the other
			runtime.Gosched()
			c, errDial = net.Dial("unix", args[0])
		}
		if err = errors.Join(err, errDial); err != nil {
			return err
		}
		if args[3] == "tls" {
			c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, DynamicRecordSizingDisabled: true})
		}
		if _, err := c.Write(make([]byte, size)); err != nil {
			return err
		}
		all = append(all, c)
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(all)
	return err
}

// guest is what a test keeps of a connection; a session of the pooler is some hundred bytes more.
type guest struct {
	loop   *epoll.Loop
	stream epoll.Stream
	watch  *epoll.Watch
	idle   epoll.Timer
	due    int // bytes that it has not heard yet
	heard  chan<- struct{}
}

func (g *guest) Ready(epoll.Events) {
	for more := true; more; more = g.stream.Buffered() {
		n, err := g.stream.Read(g.loop.Scratch())
		if err != nil && !errors.Is(err, epoll.ErrWouldBlock) {
			panic(err)
		}
		if g.due -= n; n > 0 && g.due == 0 {
			g.heard <- struct{}{}
		}
	}
}

func (g *guest) Expired(*epoll.Timer) {}

func TestIdleConnectionsCostLittleMemory(t *testing.T) {
	n := 200
	if os.Getenv("HOLDFAST_SOAK") != "" {
		n = 5000
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	plain, plainRSS := idleCost(t, n, 1, nil)
	secure, secureRSS := idleCost(t, n, 1, config)
	// crypto/tls keeps the buffer for the largest record that it got, which is 16 KiB of text at most.
	large, largeRSS := idleCost(t, n, 100_000, config)
	t.Logf("bytes per idle connection, in parentheses resident: plain %d (%d), TLS %d (%d), after large records %d (%d); %d of each",
		plain, plainRSS, secure, secureRSS, large, largeRSS, n)
	if plain > 1<<10 {
		t.Errorf("an idle plain connection costs %d bytes; at most 1 KiB", plain)
	}
	if secure > 14<<10 {
		t.Errorf("an idle TLS connection costs %d bytes; at most 14 KiB", secure)
	}
	if large > 26<<10 {
		t.Errorf("an idle TLS connection that got large records costs %d bytes; at most 26 KiB", large)
	}
}

// idleCost returns how many bytes of heap and stacks, and of resident memory, one of n idle connections costs,
// each of which has brought some bytes before.
func idleCost(t *testing.T, n, size int, config *tls.Config) (memory, resident int64) {
	t.Helper()
	l := start(t)
	dir, err := os.MkdirTemp("", "ep")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	how := "plain"
	if config != nil {
		how = "tls"
	}
	clients := child(t, roleCrowd, listener.Addr().String(), strconv.Itoa(n), strconv.Itoa(size), how)
	end, err := clients.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	must(t, clients.Start())
	guests, heard := make([]*guest, n), make(chan struct{}, n)
	memory, resident = footprint(t)
	for i := range guests {
		c, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		guests[i] = &guest{loop: l, stream: greet(t, c, config), due: size, heard: heard}
		on(t, l, guests[i].settle)
	}
	for range n {
		<-heard
	}
	memoryAfter, residentAfter := footprint(t)
	memory, resident = (memoryAfter-memory)/int64(n), (residentAfter-resident)/int64(n)
	on(t, l, func() {
		for _, g := range guests {
			must(t, g.watch.Remove())
			must(t, g.stream.Close())
			g.idle.Stop()
		}
	})
	must(t, end.Close())
	must(t, clients.Wait())
	return memory, resident
}

// greet does the handshake on a goroutine of its own, whose stack is gone afterwards.
func greet(t *testing.T, c net.Conn, config *tls.Config) epoll.Stream {
	t.Helper()
	done := make(chan epoll.Stream)
	go func() { // received below
		defer close(done)
		if config == nil {
			taken, err := epoll.Take(c)
			must(t, err)
			done <- taken
			return
		}
		sw := epoll.NewSwitch(c)
		session := tls.Server(sw, config)
		must(t, session.Handshake())
		secure, err := sw.Secure(session)
		must(t, err)
		done <- secure
	}()
	return <-done
}

func (g *guest) settle() {
	g.watch, _ = g.loop.Watch(g.stream.FD(), epoll.In, g)
	g.idle.Init(g.loop, g)
	g.idle.Reset(time.Hour)
	if g.stream.Buffered() {
		g.Ready(epoll.In)
	}
}

// footprint returns the bytes of heap and stacks in use, and those that are resident: proc(5), /proc/pid/statm.
func footprint(t *testing.T) (memory, resident int64) {
	t.Helper()
	runtime.GC()
	runtime.GC() // sync.Pools keep a generation
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var pages int64
	if _, err := fmt.Sscan(strings.Fields(string(text))[1], &pages); err != nil {
		t.Fatal(err)
	}
	return int64(stats.HeapAlloc + stats.StackInuse), pages * int64(os.Getpagesize())
}
