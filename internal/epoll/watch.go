package epoll

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Events is what may happen to a descriptor. Hangup and Failed are reported whether they were asked for or not.
type Events uint32

const (
	In     Events = unix.EPOLLIN
	Out    Events = unix.EPOLLOUT
	Hangup Events = unix.EPOLLRDHUP               // the peer writes no more; only when asked for
	Failed Events = unix.EPOLLERR | unix.EPOLLHUP // always reported
)

// Handler is told, on the loop, what its descriptor is ready for, again and again until that has been used up.
type Handler interface{ Ready(e Events) }

// Watch is a descriptor that a Loop waits for.
type Watch struct {
	loop    *Loop
	handler Handler
	fd      int32
	serial  int32 // tells events of this Watch from those of earlier ones of the same number
	events  Events
}

// Watch lets h be called when fd is ready for one of the events. The descriptor stays the caller's, who removes the
// Watch before closing it. On the loop only, or before Start.
func (l *Loop) Watch(fd int, e Events, h Handler) (*Watch, error) {
	if fd >= len(l.watches) {
		l.watches = append(l.watches, make([]*Watch, fd+1-len(l.watches))...)
	}
	l.serial++
	w := &Watch{loop: l, handler: h, fd: int32(fd), serial: l.serial, events: e}
	if err := w.control(unix.EPOLL_CTL_ADD, e); err != nil {
		return nil, err
	}
	l.watches[fd] = w
	l.watched++
	return w, nil
}

// Set changes what is waited for. It costs no system call when that is nothing new.
func (w *Watch) Set(e Events) error {
	if e == w.events {
		return nil
	}
	if err := w.control(unix.EPOLL_CTL_MOD, e); err != nil {
		return err
	}
	w.events = e
	return nil
}

// Events returns what is waited for.
func (w *Watch) Events() Events { return w.events }

// Remove ends the Watch: its handler is not called any more, not even for what has been fetched in this round. A second
// Remove does nothing.
func (w *Watch) Remove() error {
	if w.loop.watches[w.fd] != w {
		return nil
	}
	w.loop.watches[w.fd] = nil
	w.loop.watched--
	return w.control(unix.EPOLL_CTL_DEL, 0)
}

func (w *Watch) control(operation int, e Events) error {
	event := unix.EpollEvent{Events: uint32(e), Fd: w.fd, Pad: w.serial}
	if err := unix.EpollCtl(w.loop.poller, operation, int(w.fd), &event); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", w.fd, err)
	}
	return nil
}

func (l *Loop) dispatch(events []unix.EpollEvent) {
	for i := range events {
		e := &events[i]
		if w := l.watches[e.Fd]; w != nil && w.serial == e.Pad {
			w.handler.Ready(Events(e.Events))
		}
	}
}
