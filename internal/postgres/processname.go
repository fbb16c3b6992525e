package postgres

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
)

// newProcessName returns a name for this process that no other one ever has, and from which a process on the same
// machine can see whether this one still lives: boot, PID namespace, PID, start time, and a random word.
func newProcessName() string {
	return strings.Join([]string{bootID(), pidNamespace(), fmt.Sprint(os.Getpid()), startTime(os.Getpid()), rand.Text()}, " ")
}

// seenDead reports whether the process of that name ran in our own PID namespace and is gone. What cannot be seen is
// not known to be dead.
func seenDead(name string) bool {
	f := strings.Fields(name)
	if len(f) != 5 || f[0] != bootID() || f[1] != pidNamespace() {
		return false
	}
	var pid int
	if _, err := fmt.Sscan(f[2], &pid); err != nil {
		return false
	}
	return startTime(pid) != f[3]
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown-" + rand.Text() // equal to nobody's
	}
	return strings.TrimSpace(string(b))
}

func pidNamespace() string {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "unknown-" + rand.Text()
	}
	return ns
}

// startTime returns when the process started, in ticks since boot (field 22 of proc(5)'s stat), "gone" if there is none.
func startTime(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "gone"
	}
	_, rest, _ := strings.Cut(string(b), ") ") // the name before may hold anything
	f := strings.Fields(rest)
	if len(f) < 20 {
		return "gone"
	}
	return f[19]
}
