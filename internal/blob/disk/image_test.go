package disk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// image is a real file system in a file, mounted through a loop device.
type image struct {
	kind string
	file string
	path string
}

// mountImage makes a file system of so many megabytes and mounts it.
func mountImage(t *testing.T, kind string, megabytes int64, mkfs ...string) *image {
	t.Helper()
	needRoot(t)
	needProgram(t, "mkfs."+kind, map[string]string{"ext4": "e2fsprogs", "xfs": "xfsprogs", "btrfs": "btrfs-progs"}[kind])
	_, err := os.Stat("/dev/loop-control")
	need(t, "loop", err == nil, "modprobe loop")
	im := &image{kind: kind, file: filepath.Join(memoryDir(t), "image"), path: t.TempDir()}
	f, err := os.Create(im.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(megabytes << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs."+kind, append(append([]string{"-q"}, mkfs...), im.file)...)
	im.mount(t)
	t.Cleanup(func() { _ = unix.Unmount(im.path, unix.MNT_DETACH) })
	return im
}

func (im *image) mount(t *testing.T) {
	t.Helper()
	run(t, "mount", "-o", "loop", im.file, im.path)
}

// mountAgain unmounts the file system and mounts what it left. That is copied first: where another namespace still holds
// the mount, mounting the same file would give the same file system, power cut included.
func (im *image) mountAgain(t *testing.T) {
	t.Helper()
	run(t, "umount", "-l", im.path)                 // a process that is just being started may hold it for a moment
	next, copied := strings.CutSuffix(im.file, "+") // to and fro
	if !copied {
		next += "+"
	}
	run(t, "cp", "--sparse=always", im.file, next)
	if err := os.Remove(im.file); err != nil {
		t.Fatal(err)
	}
	im.file = next
	im.mount(t)
}

// cutPower stops the file system at once: what is not on the disk or in its journal by now is lost.
func (im *image) cutPower(t *testing.T) {
	t.Helper()
	const (
		shutdown   = 0x8004587d // FS_IOC_SHUTDOWN of linux/fs.h, _IOR('X', 125, __u32)
		noLogFlush = 2          // FS_SHUTDOWN_FLAGS_NOLOGFLUSH
	)
	fd, err := unix.Open(im.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetPointerInt(fd, shutdown, noLogFlush); err != nil {
		t.Fatalf("shut down %s: %v", im.kind, err)
	}
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}
