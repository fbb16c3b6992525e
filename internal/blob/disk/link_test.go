package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"holdfast/internal/blob"
)

func TestLinkMakesAHardLinkOutsideTheStore(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	s := open(t, filepath.Join(dir, "media"))
	put(t, s, "blobs/00/a", []byte("content"), nil)
	out := filepath.Join(dir, "lecture 1.pdf")
	if err := s.Link(t.Context(), "blobs/00/a", out); err != nil {
		t.Fatal(err)
	}
	linked, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	original, err := os.Stat(filepath.Join(s.Root(), "blobs", "00", "a"))
	if err != nil || !os.SameFile(linked, original) {
		t.Errorf("the export is a copy: %v", err)
	}
	if err := s.Delete(t.Context(), "blobs/00/a"); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "content" {
		t.Errorf("after the blob was deleted the export holds %q, %v", data, err)
	}
}

func TestLinkSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(memoryDir(t), "media"))
	put(t, s, "a", []byte("x"), nil)
	taken := filepath.Join(memoryDir(t), "taken")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		name blob.Name
		path string
		want error
	}{
		"a taken path":         {"a", taken, fs.ErrExist},
		"another file system":  {"a", "/dev/holdfast-test", syscall.EXDEV},
		"an absent blob":       {"b", taken + "2", blob.ErrNotFound},
		"a directory of blobs": {"blobs/00", taken + "2", blob.ErrNotFound},
		"no directory":         {"blobs/x/y", taken + "2", blob.ErrNotFound},
		"a missing directory":  {"a", filepath.Join(taken+"3", "x"), fs.ErrNotExist},
	} {
		if err := s.Link(t.Context(), c.name, c.path); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}

// S1-30: a file handle that the server does not know any more, because it restarted, is opened again while reading.
func TestAStaleHandleIsOpenedAgainWhileReading(t *testing.T) {
	t.Parallel()
	f := newFailing(t, likeNFS)
	w := writing{"blobs/00/300000-0-1", 300000, 0}
	put(t, f.store, w.name, w.content(), w.text())
	b, err := f.store.Open(t.Context(), w.name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var again atomic.Bool
	f.disk.mu.Lock()
	f.disk.fault = func(_ int, op string) syscall.Errno {
		if op == "open" {
			again.Store(true)
		}
		if op == "read" && !again.Load() {
			return syscall.ESTALE
		}
		return 0
	}
	f.disk.mu.Unlock()
	wantRest(t, b, w.content())
	if !again.Load() {
		t.Error("the file was not opened again")
	}
}
