package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// share mounts a directory through FUSE, as sshfs does: a file system that is taken for one on a network.
func share(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir := program.ShortDir(t)
	behind, point := filepath.Join(dir, "behind"), filepath.Join(dir, "share")
	for _, d := range []string{behind, point} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	root, err := fs.NewLoopbackRoot(behind)
	if err != nil {
		t.Fatal(err)
	}
	server, err := fs.Mount(point, root, &fs.Options{MountOptions: fuse.MountOptions{Name: "sshfs", FsName: "host:/share", DirectMount: true}})
	if err != nil {
		t.Fatalf("mount: %v (it needs /dev/fuse: modprobe fuse)", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
		server.Wait()
	})
	return point
}

// C-06, S1-30: files may lie on a file system that machines share, caches and the data of a PostgreSQL may not.
func TestOnANetworkFilesMayLieAndCachesMayNot(t *testing.T) {
	t.Parallel()
	dir := share(t)
	site := newSite(t, pgtest.Database(t))
	site.twin().set("paths.cache", dir+"/cache").refused(3, "paths.cache", "fuse.sshfs, a network file system", "name a directory on a local disk")
	newSite(t, nil).set("paths.state", dir+"/state").refused(3, "paths.state", "PostgreSQL server may not be there", "name a directory on a local disk")

	site.set("media.root", dir+"/media")
	if out := site.Must("check"); !strings.Contains(out, "note  media.root") || !strings.Contains(out, "fuse.sshfs") {
		t.Errorf("check has no note about media.root:\n%s", out)
	}
	n := site.serve()
	twin := site.twin().serve()
	cycle(t, n)
	twin.client(site.newKey()).want("papers", "one", "replaced")
	if out := site.Must("status"); !strings.Contains(out, "files on a network file system") {
		t.Errorf("status does not say where the files are:\n%s", out)
	}
	for _, n := range []*node{n, twin} { // the mount goes with the test
		n.Kill()
	}
}
