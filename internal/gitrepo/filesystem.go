package gitrepo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// networkDisks are the numbers of statfs(2) for file systems on which git is slow and its locks are not safe (S4-06, C-06).
// FUSE stands for sshfs, s3fs and their like; the rare local disk behind FUSE is refused, too.
var networkDisks = map[uint32]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "CIFS",
	unix.CEPH_SUPER_MAGIC: "Ceph", unix.AFS_SUPER_MAGIC: "AFS", unix.AFS_FS_MAGIC: "AFS", unix.CODA_SUPER_MAGIC: "Coda",
	unix.V9FS_MAGIC: "9P", unix.FUSE_SUPER_MAGIC: "FUSE", 0x0bd00bd0: "Lustre", 0x47504653: "GPFS", 0x19830326: "BeeGFS", 0x786f4256: "vboxsf",
}

// statfs returns the number of the file system at a path, or at its nearest parent that exists.
func statfs(path string) (uint32, error) {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(path, &st)
		if !errors.Is(err, os.ErrNotExist) || path == filepath.Dir(path) {
			return uint32(st.Type), err //nolint:gosec // the kernel's type differs between architectures
		}
		path = filepath.Dir(path)
	}
}

// refuseNetworkDisk says why a mirror must not lie at a path.
func refuseNetworkDisk(path string, statfs func(string) (uint32, error)) error {
	magic, err := statfs(path)
	if err != nil {
		return fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	name, bad := networkDisks[magic]
	if !bad {
		return nil
	}
	return like(ErrNetworkDisk, "the mirror's directory %s is on %s: git is slow there, and its locks are not safe", path, name).
		WithHint("choose a paths.state on a local disk; the mirror can be cloned anew at any time, so it needs no sharing and no backup")
}
