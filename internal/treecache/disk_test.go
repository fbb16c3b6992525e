package treecache_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// mount mounts a file system of its own; tests of real disks need root.
func mount(t *testing.T, kind, options string) string {
	t.Helper()
	path, _ := mountImage(t, kind, options)
	return path
}

// mountImage also returns the file that an ext4 lies in. Its options begin with the size.
func mountImage(t *testing.T, kind, options string) (path, from string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("mounting needs root: sudo go test ./internal/treecache")
	}
	path, from = t.TempDir(), "tmpfs"
	args := []string{"-t", "tmpfs", "-o", options}
	if kind == "ext4" {
		if _, err := exec.LookPath("mkfs.ext4"); err != nil {
			t.Fatal("mkfs.ext4 is missing: apt-get install e2fsprogs")
		}
		from = filepath.Join(memoryDir(t), "image")
		size, rest, _ := strings.Cut(options, " ")
		options = rest
		run(t, "truncate", "-s", size, from)
		run(t, "mkfs.ext4", append(append([]string{"-q"}, strings.Fields(options)...), from)...)
		args = []string{"-o", "loop"}
	}
	run(t, "mount", append(args, from, path)...)
	t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	return path, from
}

// A disk, or its inodes, that is smaller than the limits: the cache evicts and goes on, and never shows anything half.
func TestADiskThatIsSmallerThanTheLimitsIsEnough(t *testing.T) {
	t.Parallel()
	f := func(name, kind, options string, limits treecache.Limits) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := mount(t, kind, options)
			s := newSite(t, func(o *treecache.Options) {
				o.Root, o.Limits, o.Grace = filepath.Join(path, "cache"), limits, time.Nanosecond
			})
			s.fill(t, 0, soak(25, 400))
			if st := s.cache.Stats(); st.EvictedObjects < 10 {
				t.Errorf("stats %+v: nothing had to go", st)
			}
			treecache.Maintain(s.cache)
			var disk unix.Statfs_t
			if err := unix.Statfs(path, &disk); err != nil {
				t.Fatal(err)
			}
			if free := int64(disk.Bavail) * disk.Bsize; free < limits.FreeBytes || int64(disk.Ffree) < limits.FreeInodes {
				t.Errorf("%d bytes and %d inodes are free; the floors are %+v", free, disk.Ffree, limits)
			}
			treecache.Maintain(s.cache)
			wantExact(t, s.cache)
			if v, err := s.cache.Verify(t.Context(), 0); err != nil || len(v.Corrupt) > 0 {
				t.Errorf("verify: %+v, %v", v, err)
			}
			stop(t, s.cache)
		})
	}
	f("tmpfs with few bytes", "tmpfs", "size=600k", treecache.Limits{})
	f("tmpfs with few inodes", "tmpfs", "size=16m,nr_inodes=260", treecache.Limits{})
	f("ext4 with few bytes", "ext4", "1300k -m 0 -b 1024 -O ^has_journal -N 1000", treecache.Limits{Bytes: 1 << 40})
	f("ext4 with few inodes", "ext4", "6M -m 0 -N 300 -I 256", treecache.Limits{})
	f("a floor of bytes", "tmpfs", "size=2m", treecache.Limits{FreeBytes: 1 << 20})
	f("a floor of inodes", "tmpfs", "size=16m,nr_inodes=600", treecache.Limits{FreeInodes: 300})
}

// Somebody else fills the disk: what is leased stays readable, callers are told that it is full, and with room it goes on.
func TestADiskThatOthersFillIsToldOf(t *testing.T) {
	t.Parallel()
	path := mount(t, "tmpfs", "size=3m")
	s := newSite(t, func(o *treecache.Options) {
		o.Root, o.Patience = filepath.Join(path, "cache"), 50*time.Millisecond
	})
	r, next := s.world.mustCourse(t, 4, 0), s.world.mustCourse(t, 4, 9)
	res, l := ensure(t, s.cache, r, r.chunks)
	defer l.Release()
	other := filepath.Join(path, "other")
	if err := os.WriteFile(other, make([]byte, 4<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill: %v", err)
	}
	_, _, err := s.cache.Ensure(t.Context(), next.view, next.chunks)
	if !errors.Is(err, treecache.ErrFull) || fault.HintOf(err) == "" {
		t.Errorf("ensure on a full disk: %v", err)
	}
	for _, ch := range r.chunks {
		if err := r.compare(res.Dir, ch); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	_, l2 := ensure(t, s.cache, next, next.chunks)
	l2.Release()
	wantExact(t, s.cache)
}

// Retiring writes a mark. Where others took the last inode, something that nobody uses goes for it.
func TestAViewIsRetiredOnAFullDisk(t *testing.T) {
	t.Parallel()
	path := mount(t, "tmpfs", "size=16m,nr_inodes=400")
	s := newSite(t, func(o *treecache.Options) {
		o.Root, o.Grace = filepath.Join(path, "cache"), time.Hour
	})
	old, next := s.world.mustCourse(t, 4, 0), s.world.mustCourse(t, 4, 9)
	for _, r := range []*revision{old, next} {
		_, l := ensure(t, s.cache, r, r.pick("elements"))
		l.Release()
	}
	var err error
	for n := 0; err == nil; n++ {
		err = os.WriteFile(filepath.Join(path, fmt.Sprint("other", n)), nil, 0o600)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill: %v", err)
	}
	if err := s.cache.Current(next.view); err != nil {
		t.Errorf("retire on a full disk: %v", err)
	}
	treecache.Maintain(s.cache)
	wantExact(t, s.cache)
}

// C-06, S4-08: a cache on a network file system is refused with the reason. A file system in user space is taken for one, unless it is known.
func TestANetworkFileSystemIsRefusedWithTheReason(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Fatal("/dev/fuse is missing: apt-get install fuse3; modprobe fuse")
	}
	root, err := fs.NewLoopbackRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	server, err := fs.Mount(path, root, &fs.Options{MountOptions: fuse.MountOptions{Name: "sshfs", DirectMount: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	}()
	w := newWorld(t, memoryDir(t), 1)
	_, err = treecache.Open(treecache.Options{Root: filepath.Join(path, "not", "yet"), Fetch: w.fetch})
	if !errors.Is(err, treecache.ErrNetwork) || !strings.Contains(err.Error(), "fuse.sshfs") || fault.HintOf(err) == "" || fault.KindOf(err) != fault.Config {
		t.Errorf("open: %v", err)
	}
}

// A file that has as many names as its file system allows is copied.
func TestAFileWithTooManyNamesIsCopied(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"every file", "marks, too"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(o *treecache.Options) {
				*o = treecache.WithSteps(*o, func(op, path string) error {
					mark := strings.Contains(path, "/.holdfast/") || strings.Contains(path, "/parts/")
					if op == "link" && (!mark || what == "marks, too") {
						return unix.EMLINK
					}
					return nil
				})
			})
			r := s.world.mustCourse(t, 2, 0)
			chunks := r.pick("serverFilesCourse", "question:topic0/q0", "question:topic1/q1")
			for i := range chunks {
				chunks[i].Whole = false // one link that needs no other name
			}
			_, l := ensure(t, s.cache, r, chunks)
			l.Release()
			wantExact(t, s.cache)
			if err := s.cache.Retire(r.view); what == "every file" && err != nil {
				t.Error(err)
			}
			stop(t, s.cache)
			c := start(t, s.o)
			treecache.Maintain(c)
			wantExact(t, c)
		})
	}
}

// ext4 allows 65,000 names.
func TestTheRealLimitOfNamesIsSurvived(t *testing.T) {
	t.Parallel()
	path := mount(t, "ext4", "12M -m 0")
	s := newSite(t, func(o *treecache.Options) { o.Root = filepath.Join(path, "cache") })
	r := s.world.mustCourse(t, 1, 0)
	if _, err := s.cache.Prefetch(t.Context(), r.pick("question:topic0/q0")); err != nil {
		t.Fatal(err)
	}
	from := treecache.PartFile(s.cache, r.chunk("question:topic0/q0"), "info.json")
	many := filepath.Join(path, "many")
	if err := os.Mkdir(many, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil && i < 70_000; i++ {
		err = os.Link(from, filepath.Join(many, fmt.Sprintf("%x", i)))
	}
	if !errors.Is(err, unix.EMLINK) {
		t.Fatalf("link: %v", err)
	}
	_, l := ensure(t, s.cache, r, r.pick("question:topic0/q0"))
	l.Release()
	stop(t, s.cache)
}

// Modes do not depend on the umask, others may not look in, and the group may.
func TestModesAndGroup(t *testing.T) {
	old := unix.Umask(0o077) // of the whole process: not parallel
	defer unix.Umask(old)
	s := newSite(t, func(o *treecache.Options) { o.Group = 12345 })
	r := s.world.mustCourse(t, 1, 0)
	res, l := ensure(t, s.cache, r, r.chunks)
	defer l.Release()
	if err := os.Chmod(s.dir, 0o711); err != nil {
		t.Fatal(err)
	}
	f := func(path string, mode os.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
	f(s.o.Root, 0o750)
	f(filepath.Join(s.o.Root, "tmp"), 0o700)
	f(filepath.Join(s.o.Root, "state"), 0o700)
	f(filepath.Join(s.o.Root, "trash"), 0o700)
	f(filepath.Join(s.o.Root, "boot"), 0o444)
	f(filepath.Join(s.o.Root, "objects"), 0o755)
	f(res.Dir, 0o755)
	f(filepath.Join(res.Dir, ".lease"), 0o444)
	f(filepath.Join(res.Dir, ".holdfast"), 0o755)
	f(filepath.Join(res.Dir, "questions", "topic0"), 0o755)
	f(filepath.Join(res.Dir, "questions", "topic0", "q0", "info.json"), 0o444)
	f(filepath.Join(res.Dir, "serverFilesCourse", "run.sh"), 0o555)
	var st unix.Stat_t
	if err := unix.Stat(s.o.Root, &st); err != nil || st.Gid != 12345 {
		t.Errorf("group %d, %v", st.Gid, err)
	}
	// As an application under another user, in the group and outside.
	read := func(gid string) error {
		cmd := exec.Command("setpriv", "--reuid=54321", "--regid="+gid, "--clear-groups", "flock", "-s", "-n",
			filepath.Join(res.Dir, ".lease"), "cat", filepath.Join(res.Dir, "elements", "box", "box.py"))
		return cmd.Run()
	}
	if err := read("12345"); err != nil {
		t.Errorf("the group may not read: %v", err)
	}
	if err := read("54321"); err == nil {
		t.Error("others may read")
	}
}

// The purge of a leaked secret: it goes at once from leased views as well, and does not come back.
func TestAPurgedPartGoesAtOnceAndDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"question:topic1/q1", "elements", "serverFilesCourse"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			other := start(t, s.o)
			r := s.world.mustCourse(t, 3, 0)
			res, l := ensure(t, s.cache, r, r.chunks)
			_, l2 := ensure(t, other, r, r.chunks)
			defer l.Release()
			defer l2.Release()
			secret := r.chunk(key)
			for _, piece := range secret.Pieces {
				if err := s.cache.Forget(t.Context(), piece.Part); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Lstat(filepath.Join(res.Dir, secret.Path)); !os.IsNotExist(err) || l.Has(key) {
				t.Errorf("in the leased view: %v, marker %v", err, l.Has(key))
			}
			for _, c := range []*treecache.Cache{s.cache, other} {
				_, _, err := c.Ensure(t.Context(), r.view, []treecache.Chunk{secret})
				if !errors.Is(err, treecache.ErrPurged) {
					t.Errorf("ensure: %v", err)
				}
				if _, err := c.Prefetch(t.Context(), []treecache.Chunk{secret}); !errors.Is(err, treecache.ErrPurged) {
					t.Errorf("prefetch: %v", err)
				}
			}
			for _, ch := range r.chunks { // the others stay
				if ch.Key != key {
					if err := r.compare(res.Dir, ch); err != nil {
						t.Error(err)
					}
				}
			}
			found := false
			_ = filepath.WalkDir(filepath.Join(s.o.Root, "objects"), func(path string, _ os.DirEntry, _ error) error {
				found = found || strings.Contains(path, secret.Pieces[0].Part.ID.ID.String())
				return nil
			})
			if found {
				t.Error("the object is still there")
			}
		})
	}
}

// A purge while others download, assemble and link: what was purged is gone when Forget has returned, and stays so.
func TestAPurgeRacesThoseWhoBringTheContent(t *testing.T) {
	t.Parallel()
	for n := range soak(15, 500) {
		s := newSite(t)
		r := s.world.mustCourse(t, 3, n)
		secret := r.chunk("serverFilesCourse")
		done := make(chan error, 4)
		for i := range cap(done) {
			go func() { // waited for below
				<-time.After(time.Duration(i*n%7) * 100 * time.Microsecond)
				_, l, err := s.cache.Ensure(t.Context(), r.view, r.chunks)
				if err == nil {
					l.Release()
				}
				done <- err
			}()
		}
		<-time.After(time.Duration(n%5) * 300 * time.Microsecond)
		if err := s.cache.Forget(t.Context(), secret.Pieces[0].Part); err != nil {
			t.Fatal(err)
		}
		gone := func() {
			view := filepath.Join(s.o.Root, "views", "physics", r.view.Commit.String(), "serverFilesCourse")
			if _, err := os.Stat(view); !os.IsNotExist(err) {
				t.Errorf("round %d: it is in the view: %v", n, err)
			}
		}
		gone()
		for range cap(done) {
			if err := <-done; err != nil && !errors.Is(err, treecache.ErrPurged) {
				t.Errorf("ensure: %v", err)
			}
		}
		gone()
		stop(t, s.cache)
	}
}
