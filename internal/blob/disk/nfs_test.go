package disk_test

import (
	"fmt"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
)

// S1-30, S3-07: the store keeps the whole contract on NFS, even if the network loses answers, so that links, renames and
// removals are made twice. In a long run also on a network that loses none.
func TestStoreKeepsTheContractOnNFS(t *testing.T) {
	losses := []bool{true}
	if soaking() {
		losses = []bool{true, false}
	}
	for _, loses := range losses {
		t.Run(fmt.Sprintf("loses answers %v", loses), func(t *testing.T) {
			share := mountNFSShare(t, startNFSServer(t), loses)
			roots := newRoots(share)
			blobtest.Run(t, func(t *testing.T) blob.Store { return openNarrow(t, roots.take(t)) }, blobtest.InMemory())
		})
	}
}

// Two machines on one share: each has a client of its own, and neither caches what the other changes.
func TestABlobPutOnOneMachineIsReadOnTheOther(t *testing.T) {
	t.Parallel()
	server := startNFSServer(t)
	here := open(t, mountNFSShare(t, server, false))
	there, err := disk.Open(disk.Options{Root: mountNFSShare(t, server, false)})
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	for i := range 20 {
		name := blob.Name(fmt.Sprintf("blobs/00/%d-9000-%d", 1000*i, i))
		w, err := parseWriting(name)
		if err != nil {
			t.Fatal(err)
		}
		wantAbsent(t, there, name, "before it was put")
		put(t, here, name, w.content(), w.text())
		if err := whole(t.Context(), there, name); err != nil {
			t.Error(err)
		}
		if err := there.Move(t.Context(), name, trashOf(name)); err != nil {
			t.Error(err)
		}
		wantAbsent(t, here, name, "after it was moved")
		if err := whole(t.Context(), here, trashOf(name)); err != nil {
			t.Error(err)
		}
	}
}
