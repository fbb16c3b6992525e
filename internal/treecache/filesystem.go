package treecache

import (
	"fmt"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/fstype"
)

// checkPlace refuses what a cache cannot be on (S4-08, C-06).
func checkPlace(root string) error {
	kind, network := fstype.Of(root)
	if !network {
		return nil
	}
	return fault.New(fault.Config, ErrNetwork.Code,
		"content cache %s is on %s, a network file system: its locks and renames are not those of a disk, and opening many small files over a network is what the cache is there to avoid",
		root, kind).WithHint("name a directory on a disk of this machine")
}

// free returns what the file system has left for us. Without a count of inodes (btrfs) there is no limit of them.
func (f *files) free(root string) (usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return usage{}, fmt.Errorf("statfs %s: %w", root, err)
	}
	u := usage{Bytes: int64(st.Bavail) * st.Bsize, Inodes: int64(st.Ffree)}
	if st.Files == 0 {
		u.Inodes = 1 << 50
	}
	return u, nil
}
