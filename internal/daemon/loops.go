package daemon

import "runtime"

// laneLoops returns how many event loops the edge shall have, and gives Go a processor more for each: a loop that sleeps in
// the kernel keeps one for a while (package epoll).
func (d *Daemon) laneLoops() int {
	procs := runtime.GOMAXPROCS(0)
	n := max(1, procs/2)
	runtime.GOMAXPROCS(procs + n)
	return n
}
