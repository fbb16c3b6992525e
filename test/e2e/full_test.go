package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// smallDisk mounts a file system of so many megabytes.
func smallDisk(t *testing.T, megabytes int64) string {
	t.Helper()
	needRoot(t)
	needProgram(t, "mkfs.ext4", "e2fsprogs")
	dir := program.ShortDir(t)
	image, point := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	f, err := os.Create(image)
	if err == nil {
		err = f.Truncate(megabytes << 20)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-m", "0", image}, {"mkdir", point}, {"mount", "-o", "loop", image, point}} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil { //nolint:gosec // fixed programs
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() { _ = unix.Unmount(point, unix.MNT_DETACH) }) // removed with its parent; what fails shows there
	return point
}

// S0-12, principle "acknowledged means durable": when the disk is full, an upload is refused with 507 before a byte of
// it is read, nothing is half stored, what is there stays whole, and all is well again when there is room.
func TestAFullDiskRefusesUploadsAndStaysWhole(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 96)
	site := newSite(t, pgtest.Database(t)).set("media.root", disk, "media.reserve", "16MB")
	n := site.serve()
	c := n.client(site.newKey())
	site.Must("files", "bucket", "create", "papers")
	c.put("papers", "first", "before it was full")
	wantEarlyRefusal(t, c, 200<<20)

	good := wantSomeRefused(t, c)
	wantBlobs(t, disk, good+1)
	if r := site.Run("status"); r.Code != 0 {
		t.Errorf("with the reserve untouched the status is %d:\n%s", r.Code, r.Stdout)
	}

	// Somebody else fills the disk to its last byte.
	ballast := filepath.Join(disk, "ballast")
	fillUp(t, ballast)
	if name, status := code(c.tryPut("papers", "small", "x")); status != http.StatusInsufficientStorage {
		t.Errorf("put of a byte: %s, %d", name, status)
	}
	if r := site.Run("files", "put", site.Path("holdfast.toml"), "papers/cli"); r.Code != 8 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("files put ends with %d: %s", r.Code, r.Stderr)
	}
	c.want("papers", "first", "before it was full")
	if err := wantStatus(n.link("papers/first"), 200); err != nil {
		t.Error(err)
	}
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 503) })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	lifecycletest.Eventually(t, soon, func() error { return c.tryPut("papers", "small", "x") })
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })
	wantBlobs(t, disk, good+2)
}

// wantSomeRefused puts eight objects of 12 MB at once, for which there is no room, and returns how many there was room for.
func wantSomeRefused(t *testing.T, c *client) int {
	t.Helper()
	const size = 12 << 20
	bodies, stored := [8]string{}, sync.Map{}
	var all sync.WaitGroup
	for i := range bodies {
		bodies[i] = strings.Repeat(fmt.Sprintf("%07d\n", i), size/8)
		all.Go(func() {
			err := c.tryPut("papers", fmt.Sprint("big", i), bodies[i])
			if name, status := code(err); err != nil && (status != http.StatusInsufficientStorage || name != "InsufficientStorage") {
				t.Errorf("put: %v", err)
			}
			stored.Store(i, err == nil)
		})
	}
	all.Wait()
	good := 0
	for i, body := range bodies {
		if ok, _ := stored.Load(i); ok == true {
			good++
			c.want("papers", fmt.Sprint("big", i), body)
		} else if _, err := c.get("papers", fmt.Sprint("big", i)); err == nil {
			t.Errorf("big%d was refused, and is there", i)
		}
	}
	if good == 0 || good == len(bodies) {
		t.Errorf("%d of %d had room: the disk was not full", good, len(bodies))
	}
	return good
}

// fillUp writes until nothing fits.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(piece)
	}
	_ = f.Sync() // it is full: that is what is wanted
}

// wantBlobs fails unless the store holds so many files and nothing unfinished.
func wantBlobs(t *testing.T, root string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "blobs", "*", "*"))
	if err != nil || len(files) != want {
		t.Errorf("%d files in the store (%v), want %d", len(files), err, want)
	}
	hidden, _ := filepath.Glob(filepath.Join(root, "blobs", "*", ".*")) // the only error is a bad pattern
	if len(hidden) != 0 {
		t.Errorf("left over: %q", hidden)
	}
}

// wantEarlyRefusal announces an upload and waits for leave to send it (Expect: 100-continue, RFC 9110 section 10.1.1),
// which must not be given.
func wantEarlyRefusal(t *testing.T, c *client, size int64) {
	t.Helper()
	signed, err := c.PresignHeader(context.Background(), http.MethodPut, "papers", "huge", time.Minute, url.Values{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", signed.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(program.CallLimit)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", signed.RequestURI(), signed.Host, size)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 507 ") {
		t.Errorf("the upload of %d bytes is answered with %q, %v", size, line, err)
	}
}
