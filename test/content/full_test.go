package content_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
	"holdfast/test/program"
)

// smallDisk mounts a file system in memory with so much room.
func smallDisk(t *testing.T, room string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: run the tests as root")
	}
	point := filepath.Join(program.ShortDir(t), "disk")
	if err := os.Mkdir(point, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", point, "tmpfs", 0, room+",mode=755"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) }) // removed with its parent; what fails shows there
	return point
}

// S4-22, E-52, E-53: the file system of the cache has no bytes, or no inodes, left, because others took them. What is leased
// stays; what can go makes room; then the answer is "cache full" with a hint and the exit code 8, nothing half made is
// visible, and all is well again when there is room, without anybody's help.
func TestADiskThatIsFullIsToldAndSurvived(t *testing.T) {
	t.Parallel()
	for name, room := range map[string]string{"bytes": "size=24m", "inodes": "size=200m,nr_inodes=900"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := smallDisk(t, room)
			course := newCourse(t, coursegen.Options{Seed: 71, Questions: 80, ServerFiles: coursegen.Bulk{Count: 120, Bytes: 12 << 20}})
			truth := newCheckouts(course.Dir, "")
			s := newSite(t).source("course", course.Dir).set("paths.cache", disk)
			n := s.serve()
			n.sync()
			first := course.Questions()[0]
			held := n.ensure("question:" + first) // under a lease of ten minutes
			fill(t, filepath.Join(disk, "ballast"))
			wantFull(t, s, n)
			compare(t, "what is leased", list(t, held.Dir).below("questions/"+first), truth.of(t, held.Revision).below("questions/"+first))
			if r := s.Run("content", "ensure", "course", "question:"+first, "--ttl", "1s"); r.Code != 0 {
				t.Errorf("ensure of what is here ends with %d:\n%s", r.Code, r.Stderr)
			}
			wantViewsRight(t, s.cache(), truth)
			if err := os.RemoveAll(filepath.Join(disk, "ballast")); err != nil {
				t.Fatal(err)
			}
			if !mustCall[content.LeaseAnswer](n, "release", content.LeaseRequest{Lease: held.Lease}).Held {
				t.Error("the lease was not held any more")
			}
			eventually(t, program.CallLimit, func() error {
				if n := mustCall[content.StatsAnswer](n, "stats", control.Empty{}).Leases; n > 0 {
					return fmt.Errorf("%d leases are held", n)
				}
				return nil
			})
			// Questions need to be fetched one after the other: not all fit at a time, so those before have to go.
			for _, q := range course.Questions() {
				a := mustCall[content.EnsureAnswer](n, "ensure", content.EnsureRequest{Source: "course", Want: []string{"question:" + q}, Lease: content.LeaseConnection})
				if _, ok := a.Chunks["question:"+q]; !ok {
					t.Errorf("no %s in the answer", q)
				}
			}
			wantViewsRight(t, s.cache(), truth)
			n.wantNothingLeft()
		})
	}
}

// fill takes all the room of a file system: inodes, then bytes, as far as either goes.
func fill(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 100_000; i++ {
		size := 0
		if i < 400 {
			size = 1 << 20
		}
		err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, size), 0o600)
		if errors.Is(err, unix.ENOSPC) && size == 0 {
			return
		}
	}
	// Without a limit of inodes only the bytes are full.
}

// wantFull fails unless everything that is wanted at once is refused for want of room.
func wantFull(t *testing.T, s *site, n *node) {
	t.Helper()
	began := time.Now()
	_, err := call[content.EnsureAnswer](n, "ensure", content.EnsureRequest{Source: "course", Want: []string{"all"}})
	if fault.KindOf(err) != fault.Full {
		t.Errorf("ensure of all: %v, want that the cache is full", err)
	}
	t.Logf("refused after %s: %v", time.Since(began).Round(time.Millisecond), err)
	r := s.Run("content", "ensure", "course", "all")
	if r.Code != 8 || !strings.Contains(r.Stderr, "hint: ") || !strings.Contains(r.Stderr, "no space left") {
		t.Errorf("holdfast content ensure ends with %d:\n%s", r.Code, r.Stderr)
	}
}
