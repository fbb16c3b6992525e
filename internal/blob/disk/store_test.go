package disk_test

import (
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
)

// open makes a store in the directory.
func open(t *testing.T, root string) *disk.Store {
	t.Helper()
	s, err := disk.Open(disk.Options{Root: root, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// S0-30, S0-33: the default store keeps the whole contract.
func TestStoreKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
}
