package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTheGroupOfContentMustGetThroughEachDirectory(t *testing.T) {
	t.Parallel()
	root, err := os.MkdirTemp("/tmp", "hfr-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	state := filepath.Join(root, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	f := func(rootMode, stateMode os.FileMode, group int, want string) {
		t.Helper()
		for dir, mode := range map[string]os.FileMode{root: rootMode, state: stateMode} {
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
		}
		if got := closedDir(state, group); got != want {
			t.Errorf("modes %o and %o: %q, want %q", rootMode, stateMode, got, want)
		}
	}
	const stranger = 54321
	f(0o711, 0o711, stranger, "")
	f(0o711, 0o700, stranger, state)
	f(0o700, 0o711, stranger, root)
	f(0o750, 0o711, stranger, root)
	f(0o750, 0o710, os.Getgid(), "")
	if got := closedDir(filepath.Join(root, "not there"), stranger); got == "" {
		t.Error("a directory that is not there lets everybody pass")
	}
}
