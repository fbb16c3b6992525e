package daemon_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/atomicfile"
)

func TestWhatKilledProcessesLeftUnfinishedIsRemoved(t *testing.T) {
	t.Parallel()
	c := configure(t)
	if err := os.Mkdir(c.Paths.State, 0o711); err != nil {
		t.Fatal(err)
	}
	stays := map[string]bool{
		atomicfile.TempPrefix + "OLD": false, ".probe-1": false, atomicfile.TempPrefix + "YOUNG": true, "kept": true,
	}
	for name := range stays {
		path := filepath.Join(c.Paths.State, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name != atomicfile.TempPrefix+"YOUNG" {
			old := time.Now().Add(-2 * time.Hour)
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	startWith(t, c, nil)
	for name, want := range stays {
		if _, err := os.Stat(filepath.Join(c.Paths.State, name)); (err == nil) != want {
			t.Errorf("%s stays: %t, want %t", name, err == nil, want)
		}
	}
}
