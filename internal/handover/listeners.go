package handover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listeners are the sockets of a process that listen, by name: the address as it was configured, behind that of the feature. The
// zero value has none; a nil pointer is good for a process that gives nothing away.
type Listeners struct {
	mu        sync.Mutex // protects the following
	inherited map[string]*os.File
	open      map[string]*os.File     // duplicates: features do with their own what they like
	names     map[net.Listener]string // of what Listen returned
	given     bool                    // to a successor
	borrowed  chan struct{}           // closed when a predecessor does not want them back any more; nil without one
}

// borrow returns a table of inherited descriptors, which somebody else has, too, until Own.
func borrow(inherited map[string]*os.File) *Listeners {
	return &Listeners{inherited: inherited, borrowed: make(chan struct{})}
}

// Listen returns the inherited listener of that name, and else what open returns. Its file, if it is a Unix socket, is not removed
// when an inherited listener is closed.
func (l *Listeners) Listen(ctx context.Context, name string, open func(context.Context) (net.Listener, error)) (net.Listener, error) {
	if l == nil {
		return open(ctx)
	}
	name = l.unused(name)
	made, err := l.take(name)
	if made == nil && err == nil {
		made, err = open(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := l.keep(name, made); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

// unused tells several listeners of one name apart, as two of port 0, by the order in which they are opened.
func (l *Listeners) unused(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	free := name
	for n := 2; l.open[free] != nil; n++ {
		free = name + "#" + strconv.Itoa(n)
	}
	return free
}

// take returns the inherited listener of a name, nil for none.
func (l *Listeners) take(name string) (net.Listener, error) {
	l.mu.Lock()
	f := l.inherited[name]
	delete(l.inherited, name)
	l.mu.Unlock()
	if f == nil {
		return nil, nil //nolint:nilnil // there may be none
	}
	made, err := net.FileListener(f) // duplicates it
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("take over listener %s: %w", name, err)
	}
	return made, nil
}

// keep remembers a duplicate of a listener's socket.
func (l *Listeners) keep(name string, made net.Listener) error {
	f, err := duplicate(name, made)
	if err != nil {
		return fmt.Errorf("keep listener %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open, l.names = map[string]*os.File{}, map[net.Listener]string{}
	}
	l.open[name], l.names[made] = f, name
	return nil
}

// Forget closes the duplicate of a listener that Listen returned and that is closed before the process ends, so that nobody waits at it
// in vain. What is shared with another process is kept.
func (l *Listeners) Forget(made net.Listener) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name, ok := l.names[made]
	if !ok || l.given {
		return
	}
	_ = l.open[name].Close()
	delete(l.open, name)
	delete(l.names, made)
}

// duplicate leaves the mode of the socket as it is, which (*net.TCPListener).File would not.
func duplicate(name string, made net.Listener) (*os.File, error) {
	has, ok := made.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("%T has no descriptor", made)
	}
	raw, err := has.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, dupErr); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Leftover names what was inherited and nobody asked for, and closes it: the configuration has changed, and who waits there
// is refused. It is for the end of the start.
func (l *Listeners) Leftover() []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	names := slices.Sorted(maps.Keys(l.inherited))
	for _, f := range l.inherited {
		_ = f.Close()
	}
	l.inherited = nil
	return names
}

// Given reports whether a successor has the sockets.
func (l *Listeners) Given() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.given
}

// Shared reports whether another process has the sockets, too: a successor, or a predecessor that may want them back. The files of Unix
// sockets stay then when they are closed.
func (l *Listeners) Shared() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.given || l.borrowed != nil
}

// Opened is closed as soon as connections may be accepted: of listeners that a predecessor may want back, when it cannot any more. What a
// successor accepts that fails while it starts, nobody would answer.
func (l *Listeners) Opened() <-chan struct{} {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.borrowed != nil {
			return l.borrowed
		}
	}
	opened := make(chan struct{})
	close(opened)
	return opened
}

// TakeBack returns a table that inherits duplicates of what this one has, which keeps its own until Release: for whoever starts again in
// the place of a successor that failed, and may fail, too.
func (l *Listeners) TakeBack() (*Listeners, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	back := borrow(map[string]*os.File{})
	for name, f := range l.open {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			back.Release()
			return nil, fmt.Errorf("take back listener %s: %w", name, err)
		}
		back.inherited[name] = os.NewFile(uintptr(fd), name)
	}
	return back, nil
}

// Release closes the duplicates and what was inherited and not asked for, before the features close their listeners: after an end in
// order nobody listens any more.
func (l *Listeners) Release() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.open {
		_ = f.Close()
	}
	for _, f := range l.inherited {
		_ = f.Close()
	}
	l.open, l.inherited, l.names = nil, nil, nil
}

// give marks the sockets as a successor's.
func (l *Listeners) give() {
	l.mu.Lock()
	l.given = true
	l.mu.Unlock()
}

// Own takes the sockets for nobody else's, and lets those in who wait. It is called when all parts have started.
func (l *Listeners) Own() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.borrowed != nil {
		close(l.borrowed)
		l.borrowed = nil
	}
}

// offer returns names and descriptors, in the same order. They are the table's own, to be sent while it is not released.
func (l *Listeners) offer(send func(names []string, fds []int) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := slices.Sorted(maps.Keys(l.open))
	fds := make([]int, 0, len(names))
	for _, name := range names {
		fds = append(fds, int(l.open[name].Fd()))
	}
	return send(names, fds)
}
