package atomicfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/internal/atomicfile"
)

func TestALockHasOneHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	first, err := atomicfile.TakeLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := atomicfile.TakeLock(path); !errors.Is(err, atomicfile.ErrLocked) {
		t.Errorf("a second holder: %v", err)
	}
	// What a child holds between fork and exec: another descriptor of the same open file.
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink("/proc/self/fd/" + fd.Name()); target == path {
			var n int
			for _, c := range fd.Name() {
				n = n*10 + int(c-'0')
			}
			copied, err := syscall.Dup(n)
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(copied) //nolint:errcheck // the test is over then
		}
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := atomicfile.TakeLock(path)
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
}
