package disk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
)

// leave makes a file as a killed process leaves it, so long ago.
func leave(t *testing.T, path string, ago time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-ago)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestSweepRemovesOldLeftoversAndNothingElse(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := open(t, root)
	s.Degrade() // sidecars become files of their own
	large := make([]byte, blob.MaxSidecar)
	put(t, s, "blobs/00/kept", []byte("x"), large)
	put(t, s, "blobs/00/tmp-kept", []byte("x"), large)
	put(t, s, "more/kept", []byte("x"), nil)
	shard := filepath.Join(root, "blobs", "00")
	for _, name := range []string{".tmp-OLD", ".gone.meta", ".gone~1f.meta", ".kept~1f.meta"} {
		leave(t, filepath.Join(shard, name), 25*time.Hour)
	}
	for _, name := range []string{".tmp-NEW", ".fresh.meta", ".fresh~1f.meta"} {
		leave(t, filepath.Join(shard, name), 23*time.Hour)
	}
	leave(t, filepath.Join(shard, ".kept.meta"), 99*time.Hour) // old, and in use
	leave(t, filepath.Join(root, ".tmp-OLD"), 25*time.Hour)
	n, err := s.Sweep(t.Context(), disk.SweepAge)
	if err != nil || n != 5 {
		t.Errorf("Sweep removed %d, %v, want 5", n, err)
	}
	wantFiles(t, root, "blobs/00/.fresh.meta", "blobs/00/.fresh~1f.meta", "blobs/00/.kept.meta", "blobs/00/.tmp-NEW",
		"blobs/00/.tmp-kept.meta", "blobs/00/kept", "blobs/00/tmp-kept", "more/kept")
}

// A process killed between naming a blob and naming its sidecar leaves the sidecar under the name that is bound to the
// inode: it is read from there, and Sweep finishes the work.
func TestASidecarThatWasNotYetNamedIsReadAndNamedBySweep(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := open(t, root)
	s.Degrade() // sidecars become files of their own
	large := make([]byte, blob.MaxSidecar)
	put(t, s, "a", []byte("x"), large)
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(root, "a"), &st); err != nil {
		t.Fatal(err)
	}
	bound := fmt.Sprintf(".a~%x.meta", st.Ino)
	if err := os.Rename(filepath.Join(root, ".a.meta"), filepath.Join(root, bound)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Sidecar(t.Context(), "a"); err != nil || len(got) != len(large) {
		t.Errorf("Sidecar: %d bytes, %v", len(got), err)
	}
	if err := s.Move(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, root, ".b.meta", "b")
	if err := os.Rename(filepath.Join(root, ".b.meta"), filepath.Join(root, fmt.Sprintf(".b~%x.meta", st.Ino))); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 0); n != 0 || err != nil {
		t.Errorf("Sweep removed %d, %v", n, err)
	}
	wantFiles(t, root, ".b.meta", "b")
}
