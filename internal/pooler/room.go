package pooler

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Room is what the machine gives to this process. 0 stands for what is not known.
type Room struct {
	Files  int64 // descriptors (RLIMIT_NOFILE); the Go runtime has raised the soft limit to the hard one
	Memory int64 // bytes, of the machine or of the control group that the process is in
}

// FindRoom asks the kernel.
func FindRoom() Room {
	r := Room{Memory: memoryBelow("/")}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		r.Files = int64(min(limit.Cur, 1<<40)) //nolint:gosec // less than 1<<40
	}
	return r
}

// memoryBelow returns the memory of the machine whose files are below root, or what the control group is given of it, whatever is less
// (proc_meminfo(5), cgroups(7); the files memory.max of version 2 and memory.limit_in_bytes of version 1).
func memoryBelow(root string) int64 {
	least := int64(0)
	take := func(n int64) {
		if n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	for line := range strings.Lines(read(root, "proc/meminfo")) {
		if kib, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			take(number(strings.TrimSuffix(strings.TrimSpace(kib), " kB")) << 10)
		}
	}
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" {
			base, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			take(number(strings.TrimSpace(read(root, base, dir, file))))
			if dir == "/" {
				break
			}
		}
	}
	return least
}

func read(path ...string) string {
	text, _ := os.ReadFile(filepath.Join(path...)) // what is not there says nothing
	return string(text)
}

// number reads a number, 0 for anything else: "max" is no limit.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
