package disk_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// roots lends directories for stores and takes them back empty but for the 512 shards: making and removing those takes
// longer than most tests.
type roots struct {
	parent string
	mu     sync.Mutex // protects free
	free   []string
}

func newRoots(parent string) *roots { return &roots{parent: parent} }

// take lends a directory until the end of the test.
func (r *roots) take(t *testing.T) string {
	t.Helper()
	root := r.lend(t)
	t.Cleanup(func() { r.giveBack(t, root) })
	return root
}

func (r *roots) lend(t *testing.T) string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var root string
	if n := len(r.free); n > 0 {
		root, r.free = r.free[n-1], r.free[:n-1]
	} else {
		dir, err := os.MkdirTemp(r.parent, "root")
		if err != nil {
			t.Fatal(err)
		}
		root = dir
	}
	return root
}

func (r *roots) giveBack(t *testing.T, root string) {
	t.Helper()
	scrub(t, root, "")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, root)
}

// scrub removes everything below the directory but the shards.
func scrub(t *testing.T, root, rel string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, rel))
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		path := filepath.Join(rel, e.Name())
		if e.IsDir() && (path == "blobs" || path == "trash" || strings.Count(path, "/") == 1 && len(e.Name()) == 2) {
			scrub(t, root, path)
		} else if err := os.RemoveAll(filepath.Join(root, path)); err != nil {
			t.Error(err)
		}
	}
}
