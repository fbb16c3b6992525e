package treecache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
)

// networks are the file systems that several machines reach, by the number that statfs(2) gives (linux/magic.h and the sources of
// those that are not in the kernel).
var networks = map[uint32]string{
	unix.NFS_SUPER_MAGIC:   "nfs",
	unix.SMB_SUPER_MAGIC:   "smb",
	unix.SMB2_SUPER_MAGIC:  "smb",
	unix.CIFS_SUPER_MAGIC:  "cifs",
	unix.CEPH_SUPER_MAGIC:  "ceph",
	unix.AFS_SUPER_MAGIC:   "afs",
	unix.AFS_FS_MAGIC:      "afs",
	unix.CODA_SUPER_MAGIC:  "coda",
	unix.OCFS2_SUPER_MAGIC: "ocfs2",
	unix.V9FS_MAGIC:        "9p",
	0x01161970:             "gfs2",
	0x0bd00bd0:             "lustre",
	0x47504653:             "gpfs",
	0x19830326:             "beegfs",
	0x786f4256:             "vboxsf",
	0x013661be:             "vmhgfs",
}

// localFUSE are file systems in user space that serve one machine's own disks. Every other one is taken for a network.
var localFUSE = []string{"fuseblk", "fuse.ntfs", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.bindfs", "fuse.exfat"}

// network returns the name of the network file system that a path, or its nearest parent that exists, is on; "" for a local one.
func network(path string) string {
	var st unix.Statfs_t
	for errors.Is(unix.Statfs(path, &st), fs.ErrNotExist) {
		parent := filepath.Dir(path)
		if parent == path {
			return ""
		}
		path = parent
	}
	if magic := uint32(st.Type); magic != unix.FUSE_SUPER_MAGIC {
		return networks[magic]
	}
	kind := mountType(path)
	for _, local := range localFUSE {
		if strings.HasPrefix(kind, local) {
			return ""
		}
	}
	return kind
}

// mountType returns the type of the mount that the path lies on, from /proc/self/mountinfo (proc_pid_mountinfo(5)).
func mountType(path string) string {
	var st unix.Stat_t
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || unix.Stat(path, &st) != nil {
		return "fuse"
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	for line := range strings.Lines(string(table)) {
		head, tail, ok := strings.Cut(line, " - ")
		fields := strings.Fields(head)
		if ok && len(fields) > 2 && fields[2] == device {
			kind, _, _ := strings.Cut(tail, " ")
			return kind
		}
	}
	return "fuse"
}

// checkPlace refuses what a cache cannot be on (S4-08, C-06).
func checkPlace(root string) error {
	kind := network(root)
	if kind == "" {
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
