package cluster

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wire is a TCP address that leads to a server, and can be cut: then what is sent is lost without a word. It may be led
// elsewhere, as a service of Kubernetes is.
type wire struct {
	listener net.Listener
	all      sync.WaitGroup

	mu    sync.Mutex // protects the following
	to    string     // the path of a socket
	isCut bool
	open  map[net.Conn]bool
	cut   chan struct{} // closed when the wire is cut
}

// lay opens a wire to a Unix socket; it is taken away when the test is over.
func lay(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, open: map[net.Conn]bool{}, cut: make(chan struct{})}
	w.all.Go(w.run)
	t.Cleanup(func() {
		_ = l.Close()
		w.hangUp()
		w.all.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) run() {
	for {
		conn, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		w.open[conn] = true
		to, isCut := w.to, w.isCut
		w.mu.Unlock()
		if !isCut {
			w.all.Go(func() { w.carry(conn, to) })
		}
	}
}

// carry copies both ways until an end is closed. A cut wire swallows what comes.
func (w *wire) carry(in net.Conn, to string) {
	defer in.Close()
	out, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	w.mu.Lock()
	w.open[out] = true
	w.mu.Unlock()
	w.all.Go(func() {
		w.copy(out, in)
		_ = out.Close()
	})
	w.copy(in, out)
	_ = in.Close()
}

func (w *wire) copy(to io.Writer, from io.Reader) {
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		w.mu.Lock()
		isCut, healed := w.isCut, w.cut
		w.mu.Unlock()
		if isCut {
			<-healed
			return
		}
		if err != nil {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// sever cuts the wire.
func (w *wire) sever() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut, w.cut = true, make(chan struct{})
}

// heal mends the wire; connections from before are lost.
func (w *wire) heal() {
	w.hangUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = false
}

// lead has new connections go to another server, and old ones end.
func (w *wire) lead(to string) {
	w.mu.Lock()
	w.to = to
	w.mu.Unlock()
	w.hangUp()
}

func (w *wire) hangUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		close(w.cut)
		w.isCut = false
	}
	for conn := range w.open {
		_ = conn.Close()
		delete(w.open, conn)
	}
}
