package epoll_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/epoll"
)

const (
	question = 60  // bytes, as a small query has
	answer   = 300 // bytes, as a row has
)

// side is one direction of a relay on a loop.
type side struct {
	loop     *epoll.Loop
	from, to *epoll.Conn
	watch    *epoll.Watch
	gone     *sync.WaitGroup
}

func (s *side) Ready(epoll.Events) {
	buf := s.loop.Scratch()
	n, err := s.from.Read(buf)
	if err == nil {
		_, err = s.to.Write(buf[:n])
	}
	if err != nil && !errors.Is(err, epoll.ErrWouldBlock) { // the end of the benchmark
		_ = s.watch.Remove()
		s.gone.Done()
	}
}

// BenchmarkPingPong relays a question from one socket to another and the answer back: by the loop, and by a goroutine
// with its own buffer on the net package. Clients and servers are threads of another process, so cpu-ns/op is the
// relay's alone. Read the lines of one run against each other.
func BenchmarkPingPong(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("loop/%d", n), func(b *testing.B) {
			l := start(b)
			pingPong(b, n, func(client, server net.Conn, gone *sync.WaitGroup) {
				c, errC := epoll.Take(client)
				s, errS := epoll.Take(server)
				must(b, errors.Join(errC, errS))
				b.Cleanup(func() { _, _ = c.Close(), s.Close() })
				relayOnLoop(b, l, c, s, gone)
			})
		})
		b.Run(fmt.Sprintf("goroutines/%d", n), func(b *testing.B) {
			pingPong(b, n, func(client, server net.Conn, gone *sync.WaitGroup) {
				gone.Go(func() { relay(client, server) })
			})
		})
	}
}

func relayOnLoop(t testing.TB, l *epoll.Loop, a, b *epoll.Conn, gone *sync.WaitGroup) {
	t.Helper()
	gone.Add(2)
	there, back := &side{loop: l, from: a, to: b, gone: gone}, &side{loop: l, from: b, to: a, gone: gone}
	on(t, l, func() {
		var errA, errB error
		there.watch, errA = l.Watch(a.FD(), epoll.In, there)
		back.watch, errB = l.Watch(b.FD(), epoll.In, back)
		must(t, errors.Join(errA, errB))
	})
}

// relay is the same work on the net package.
func relay(client, server net.Conn) {
	defer func() { _, _ = client.Close(), server.Close() }()
	buf := make([]byte, 16<<10)
	for from, to := client, server; ; from, to = to, from {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pingPong lets another process ask b.N questions by n clients through n relays.
func pingPong(b *testing.B, n int, begin func(client, server net.Conn, gone *sync.WaitGroup)) {
	var gone sync.WaitGroup
	peers := child(b, rolePlayers, strconv.Itoa(n), strconv.Itoa((b.N+n-1)/n))
	for range n {
		client, c := halfNet(b)
		server, s := halfNet(b)
		begin(c, s, &gone)
		peers.ExtraFiles = append(peers.ExtraFiles, client, server)
	}
	defer func() {
		for _, f := range peers.ExtraFiles {
			_ = f.Close()
		}
		gone.Wait()
	}()
	b.ReportAllocs()
	before := cpu(b)
	if err := peers.Run(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.StopTimer()
}

// players are n clients, each of which asks a number of questions, and n servers, on threads of their own.
func players(args []string) error {
	n, errN := strconv.Atoi(args[0])
	questions, errQ := strconv.Atoi(args[1])
	errs := make(chan error, n+1)
	errs <- errors.Join(errN, errQ)
	play := func(fd, size int, asks bool) error {
		runtime.LockOSThread()
		buf := make([]byte, answer)
		for i := 0; !asks || i < questions; i++ {
			if asks || i > 0 {
				if _, err := unix.Write(fd, buf[:size]); err != nil {
					return err
				}
			}
			if n, err := unix.Read(fd, buf); n == 0 || err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n { // they end with the process at the latest
		go func() { _ = play(3+2*i+1, answer, false) }()
		go func() { errs <- play(3+2*i, question, true) }()
	}
	for range n + 1 {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// halfNet returns the two ends of a connection: a blocking descriptor for another process, and a connection of the net
// package.
func halfNet(t testing.TB) (*os.File, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[1]), "")
	defer func() { _ = f.Close() }()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), ""), c
}

// cpu returns the processor time that this process has used.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(unix.TimevalToNsec(usage.Utime) + unix.TimevalToNsec(usage.Stime))
}

func TestRelayingDoesNotAllocate(t *testing.T) {
	l := start(t)
	a, near := pair(t)
	far, b := pair(t)
	var gone sync.WaitGroup
	relayOnLoop(t, l, near, far, &gone)
	text, buf := make([]byte, question), make([]byte, answer)
	cross := func(from, to *epoll.Conn) {
		_, _ = from.Write(text)
		if _, err := unix.Read(to.FD(), buf); err != nil { // blocks
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { cross(a, b); cross(b, a) }); n != 0 {
		t.Errorf("%v allocations per round trip", n)
	}
	must(t, a.Close())
	must(t, b.Close())
	gone.Wait()
}

func TestPostingDoesNotAllocate(t *testing.T) {
	l := start(t)
	ran := make(chan struct{})
	f := func() { ran <- struct{}{} }
	if n := testing.AllocsPerRun(1000, func() { l.Post(f); <-ran }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
