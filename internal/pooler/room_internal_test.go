package pooler

import (
	"os"
	"path/filepath"
	"testing"
)

// S0-22: the least of what the machine has and what the control groups above the process are given.
func TestMemoryIsThatOfTheMachineOrTheControlGroup(t *testing.T) {
	t.Parallel()
	f := func(name string, want int64, files map[string]string) {
		t.Helper()
		root := t.TempDir()
		for path, text := range files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryBelow(root); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	const machine = "MemTotal:        2000000 kB\nMemFree: 1 kB\n"
	f("nothing is known", 0, nil)
	f("a machine", 2000000<<10, map[string]string{"proc/meminfo": machine})
	f("no limit", 2000000<<10, map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n"})
	f("a limit", 500, map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "500\n"})
	f("a limit above", 400, map[string]string{
		"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "500\n", "sys/fs/cgroup/a/memory.max": "400\n",
	})
	f("of a container", 300, map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "300\n"})
	f("version 1", 600, map[string]string{
		"proc/meminfo": machine, "proc/self/cgroup": "5:cpu:/x\n4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "600\n",
	})
}
