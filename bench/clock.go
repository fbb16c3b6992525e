package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the processor time of all threads of a process, those that ended included, to the nanosecond: its
// clock in the sense of clock_getcpuclockid(3). It is the sum of utime and stime in /proc, which count in steps of 10 ms.
func processTime(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED: what the scheduler measured, not what ticks of the timer found
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("read the clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// resident returns the resident set of a process in bytes.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// watch tells how busy the machine was with other work. What was started and ended under it counts as ours, children of
// children included: each of our servers waits for its own.
type watch struct {
	began     time.Time
	all, ours time.Duration
}

func newWatch() watch { return watch{time.Now(), machineTime(), ownTime()} }

// others returns how many processors other work kept busy on average, and the load average of the last minute.
func (w watch) others() string {
	other := (machineTime() - w.all) - (ownTime() - w.ours)
	return fmt.Sprintf("other work kept %.1f processors busy meanwhile (load average at the end, our own work included: %s)",
		max(0, other.Seconds()/time.Since(w.began).Seconds()), loadAverage())
}

// machineTime is what all processors did so far, waiting left out: /proc/stat counts in ticks of 10 ms.
func machineTime() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	var ticks int64
	for i, field := range strings.Fields(line) {
		n, _ := strconv.ParseInt(field, 10, 64) // the first is "cpu"
		switch i {
		case 1, 2, 3, 6, 7: // user, nice, system, irq, softirq
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// ownTime is what this program and its ended children used.
func ownTime() time.Duration {
	var total time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u) // fails for no process that exists
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// raiseFiles lets this program and its children open as many files as the system allows, and returns how many that is.
func raiseFiles() (int, error) {
	const wanted = 100_000
	limit := syscall.Rlimit{Cur: wanted, Max: wanted}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		return wanted, nil
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return int(limit.Cur), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
