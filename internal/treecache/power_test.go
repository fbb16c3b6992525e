package treecache_test

import (
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// cutPower stops the file system at once: what is not on the disk or in its journal by now is lost.
func cutPower(t *testing.T, path string) {
	t.Helper()
	const (
		shutdown   = 0x8004587d // FS_IOC_SHUTDOWN of linux/fs.h
		noLogFlush = 2          // FS_SHUTDOWN_FLAGS_NOLOGFLUSH
	)
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	if err := unix.IoctlSetPointerInt(fd, shutdown, noLogFlush); err != nil {
		t.Fatalf("shut down: %v", err)
	}
}

// A real ext4 that loses what was not written yet, since the cache syncs nothing while it works: whatever is left, nothing wrong is shown
// in the boot after, and nobody has to clean up.
func TestAPowerCutLeavesNothingWrong(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	w := newWorld(t, dir, treepack.SHA1)
	limits := treecache.Limits{Bytes: 4 << 20, Inodes: 2000}
	j := job{Dir: dir, Questions: 8, Revisions: 5, Workers: 3, Limits: limits}
	var revisions []*revision
	for i := range j.Revisions {
		revisions = append(revisions, w.mustCourse(t, j.Questions, i))
	}
	disk, image := mountImage(t, "ext4", "32M -m 0")
	j.Root = filepath.Join(disk, "cache")
	rounds := soak(4, 150)
	for n := range rounds {
		j.Seed = uint64(n)
		c := startChild(t, j)
		if !c.out.Scan() || c.out.Text() != "ready" {
			_, _, err := c.wait()
			t.Fatalf("round %d: a process did not start: %v", n, err)
		}
		<-time.After(time.Duration(rand.IntN(120)) * time.Millisecond)
		if n%2 == 0 { // as ext4 does every five seconds: some of it is on the disk then, most of it is not
			unix.Sync()
			<-time.After(time.Duration(rand.IntN(40)) * time.Millisecond)
		}
		cutPower(t, disk)
		_ = c.cmd.Process.Kill()
		if _, _, err := c.wait(); err != nil && c.cmd.ProcessState.ExitCode() != 1 {
			t.Fatal(err)
		}
		image = mountAgain(t, disk, image)
		o := treecache.Options{Root: j.Root, Fetch: w.fetch, Limits: limits}
		wantWhole(t, treecache.WithBoot(o, "boot "+strconv.Itoa(n)), revisions)
		if t.Failed() {
			t.Fatalf("in round %d", n)
		}
	}
	t.Logf("%d power cuts", rounds)
}

// mountAgain mounts what a file system left. It is copied first: where another namespace still holds the mount, mounting the same file would
// give the same file system, power cut included.
func mountAgain(t *testing.T, path, image string) string {
	t.Helper()
	run(t, "umount", "-l", path)
	next := image + "+"
	if len(image) > 6 && image[len(image)-1] == '+' {
		next = image[:len(image)-1]
	}
	run(t, "cp", "--sparse=always", image, next)
	run(t, "rm", image)
	run(t, "mount", "-o", "loop", next, path)
	return next
}
