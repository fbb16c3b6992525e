// Package fstype tells what kind of file system a path is on, and whether other machines reach the same files. Stored files
// may lie on a network, with a note; clones, caches and databases may not (C-06): renames, locks and opening many small files
// are not there what they are on a disk.
package fstype

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// kinds names file systems by the number that statfs gives (statfs(2), linux/magic.h, and the sources of those that
// are not in the kernel).
var kinds = map[uint32]struct {
	name    string
	network bool
}{
	unix.EXT4_SUPER_MAGIC:      {"ext4", false}, // ext2 and ext3 have the same number and are served by the same driver
	unix.XFS_SUPER_MAGIC:       {"xfs", false},
	unix.BTRFS_SUPER_MAGIC:     {"btrfs", false},
	unix.F2FS_SUPER_MAGIC:      {"f2fs", false},
	unix.TMPFS_MAGIC:           {"tmpfs", false},
	unix.RAMFS_MAGIC:           {"ramfs", false},
	unix.OVERLAYFS_SUPER_MAGIC: {"overlay", false},
	unix.SQUASHFS_MAGIC:        {"squashfs", false},
	unix.MSDOS_SUPER_MAGIC:     {"vfat", false},
	0x2fc12fc1:                 {"zfs", false},
	0xca451a4e:                 {"bcachefs", false},
	0x7366746e:                 {"ntfs3", false},
	0x2011bab0:                 {"exfat", false},
	unix.NFS_SUPER_MAGIC:       {"nfs", true},
	unix.SMB_SUPER_MAGIC:       {"smb", true},
	unix.SMB2_SUPER_MAGIC:      {"smb", true},
	unix.CIFS_SUPER_MAGIC:      {"cifs", true},
	unix.CEPH_SUPER_MAGIC:      {"ceph", true},
	unix.AFS_SUPER_MAGIC:       {"afs", true},
	unix.AFS_FS_MAGIC:          {"afs", true},
	unix.CODA_SUPER_MAGIC:      {"coda", true},
	unix.OCFS2_SUPER_MAGIC:     {"ocfs2", true},
	0x01161970:                 {"gfs2", true},
	0x0bd00bd0:                 {"lustre", true},
	0x47504653:                 {"gpfs", true},
	0x19830326:                 {"beegfs", true},
	unix.V9FS_MAGIC:            {"9p", true},
	0x786f4256:                 {"vboxsf", true},
	0x013661be:                 {"vmhgfs", true},
}

// Of returns the kind of the file system at the path, such as "ext4", "nfs" or "fuse.sshfs", and whether other machines
// reach the same files. A path that does not exist yet is judged by its nearest parent; "unknown" if nothing can be found
// out.
func Of(path string) (kind string, network bool) {
	var st unix.Statfs_t
	for unix.Statfs(path, &st) == unix.ENOENT {
		parent := parentOf(path)
		if parent == path {
			return "unknown", false
		}
		path = parent
	}
	magic := uint32(st.Type)
	if magic == unix.FUSE_SUPER_MAGIC {
		return fuseKind(path)
	}
	if k, ok := kinds[magic]; ok {
		return k.name, k.network
	}
	if magic == 0 {
		return "unknown", false
	}
	return fmt.Sprintf("unknown (%#x)", magic), false
}

func parentOf(path string) string {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	switch {
	case i > 0:
		return path[:i]
	case i == 0 || path == "":
		return "/"
	}
	return "."
}

// localFUSE are the file systems in user space that serve one machine's own disks. Every other one is taken for a network:
// sshfs, s3fs, glusterfs, rclone, and what comes.
var localFUSE = []string{"fuseblk", "fuse.ntfs", "fuse.mergerfs", "fuse.fuse-overlayfs", "fuse.gocryptfs", "fuse.encfs", "fuse.bindfs", "fuse.exfat"}

// fuseKind asks the mount table what stands behind FUSE.
func fuseKind(path string) (string, bool) {
	kind := mountType(path)
	for _, local := range localFUSE {
		if strings.HasPrefix(kind, local) {
			return kind, false
		}
	}
	return kind, true
}

// mountType returns the type in /proc/self/mountinfo (proc_pid_mountinfo(5)) of the device that the path lies on.
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
