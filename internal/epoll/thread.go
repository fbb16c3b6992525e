package epoll

import "runtime"

// settled is after how many events in a row that came alone a loop that keeps its thread stays on it: few enough to be one client's
// first moments, more than come by chance while there are several.
const settled = 64

// thread is the thread that a loop runs on, and whether it is to stay there. The zero value lets it go where it will.
type thread struct {
	keeps  bool
	locked bool
	alone  int // waits in a row that ended with one event
}

// KeepThread makes the loop stay on its thread while its sockets are ready one at a time, as those of few clients are. Before Start. Else
// it changes threads when it lets the scheduler look, and the kernel moves it from processor to processor; see the package's page for
// when that is good.
func (l *Loop) KeepThread() { l.thread.keeps = true }

// after is told how many events a wait ended with.
func (t *thread) after(events int) {
	switch {
	case !t.keeps || events == 0:
	case events > 1:
		t.leave()
	case t.locked:
	case t.alone < settled:
		t.alone++
	default:
		runtime.LockOSThread()
		t.locked = true
	}
}

// leave lets the loop go where it will.
func (t *thread) leave() {
	t.alone = 0
	if t.locked {
		runtime.UnlockOSThread()
		t.locked = false
	}
}
