package fstype

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// C-06, S4-06, S4-08: what several machines reach is told from what lies on a disk of this one. Real mounts of both kinds are
// looked at by the tests of package disk.
func TestNetworksAreToldFromDisks(t *testing.T) {
	t.Parallel()
	for _, magic := range []uint32{
		unix.NFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.V9FS_MAGIC,
		unix.AFS_SUPER_MAGIC, 0x0bd00bd0, 0x47504653,
	} {
		if k := kinds[magic]; !k.network || k.name == "" {
			t.Errorf("%#x is %+v, want a network", magic, k)
		}
	}
	for _, magic := range []uint32{
		unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC, 0x2fc12fc1,
	} {
		if k := kinds[magic]; k.network || k.name == "" {
			t.Errorf("%#x is %+v, want a disk", magic, k)
		}
	}
}

func TestAPathThatIsNotThereIsJudgedByItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want, _ := Of(dir)
	if got, network := Of(filepath.Join(dir, "not", "yet")); got != want || network {
		t.Errorf("%s, network %v; want %s", got, network, want)
	}
}
