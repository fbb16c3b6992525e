package e2e_test

import (
	"bufio"
	"context"
	"crypto/rand"
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

	"github.com/jackc/pgx/v5"
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
// it is read, nothing is half stored, what is there stays whole, also over a restart, and all is well again when there is room.
func TestAFullDiskRefusesUploadsAndStaysWhole(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 96)
	site := newSite(t, pgtest.Database(t)).set("media.root", disk, "media.reserve", "16MB")
	n := site.serve()
	key := site.newKey()
	c := n.client(key)
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

	n = n.againWhileFull(ballast)
	c = n.client(key)
	c.want("papers", "first", "before it was full")
	if err := wantStatus(n.link("papers/first"), 200); err != nil {
		t.Error(err)
	}
	if name, status := code(c.tryPut("papers", "small", "x")); status != http.StatusInsufficientStorage {
		t.Errorf("put of a byte after a restart: %s, %d", name, status)
	}
	if r := site.Run("status"); !strings.Contains(r.Stdout, "files are served and none are stored") {
		t.Errorf("status after a restart:\n%s", r.Stdout)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	lifecycletest.Eventually(t, soon, func() error { return c.tryPut("papers", "small", "x") })
	lifecycletest.Eventually(t, noticed, func() error { return wantStatus(n.admin+"/readyz", 200) })
	wantBlobs(t, disk, good+2)
}

// againWhileFull stops the daemon and starts it again, with nothing left of the room that it made by its end. What a
// service is checked with before the start lets it pass.
func (n *node) againWhileFull(ballast string) *node {
	n.T.Helper()
	n.site.Must("stop")
	if code := n.Wait(stopLimit); code != 0 {
		n.T.Errorf("it ends with %d", code)
	}
	fillUp(n.T, ballast)
	if out := n.site.Must("check"); !strings.Contains(out, "note  store") || !strings.Contains(out, "none are stored") {
		n.T.Errorf("check says:\n%s", out)
	}
	return n.site.serve()
}

// S0-12, S0-32: the same where everything that Holdfast writes lies on the one disk: links, reads and the pooler go on, and the
// next start finds its way without a byte.
func TestAMachineWhoseOnlyDiskIsFullStartsAndServes(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 96)
	db := pgtest.Cluster(t).Database(t)
	site := newSite(t, db)
	for key, dir := range map[string]string{"media.root": "media", "paths.state": "state", "paths.cache": "cache", "paths.backup": "backup"} {
		site.set(key, filepath.Join(disk, dir))
	}
	site.set("media.reserve", "1MB", "database.auth.query", "SELECT rolpassword, rolcanlogin, rolvaliduntil FROM pg_authid WHERE rolname = $1")
	n := site.serve()
	key := site.newKey()
	site.Must("files", "bucket", "create", "papers")
	n.client(key).put("papers", "first", "before it was full")

	n = n.againWhileFull(filepath.Join(disk, "ballast"))
	n.client(key).want("papers", "first", "before it was full")
	if err := wantStatus(n.link("papers/first"), 200); err != nil {
		t.Error(err)
	}
	n.wantPooled(db)
	// Killed, it has removed nothing.
	n.Kill()
	n = site.serve()
	n.client(key).want("papers", "first", "before it was full")
	n.wantPooled(db)
}

// A PostgreSQL of our own cannot start without room, and its start says what is missing.
func TestAPrivatePostgreSQLOnAFullDiskSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 256)
	if err := os.Chmod(disk, 0o711); err != nil { //nolint:gosec // PostgreSQL's account passes through
		t.Fatal(err)
	}
	site := newSite(t, nil).set("paths.state", filepath.Join(disk, "state"))
	n := site.serve()
	site.Must("stop")
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	ballast := filepath.Join(disk, "ballast")
	fillUp(t, ballast)
	site.refused(8, "No space left on device", "hint: PostgreSQL needs some room to start")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	site.serve()
}

// wantPooled fails unless a role with a password gets through the pooler to the database.
func (n *node) wantPooled(db *pgtest.DB) {
	n.T.Helper()
	role := "visitor" + rand.Text()
	db.Exec(n.T, fmt.Sprintf("CREATE ROLE %q LOGIN PASSWORD 'open sesame'", role))
	conn, err := pgx.Connect(context.Background(), fmt.Sprintf("postgresql://%s:open%%20sesame@%s/%s?sslmode=disable", role, n.postgres, db.Name))
	if err != nil {
		n.T.Errorf("through the pooler: %v", err)
		return
	}
	if err := conn.Close(context.Background()); err != nil {
		n.T.Error(err)
	}
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
func fillUp(t testing.TB, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
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
