package disk_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// soaking reports whether the long runs were asked for.
func soaking() bool { return os.Getenv("HOLDFAST_SOAK") != "" }

// need fails the test when the machine lacks something, with the way to get it.
func need(t *testing.T, what string, there bool, remedy string) {
	t.Helper()
	if !there {
		t.Fatalf("this test needs %s: %s", what, remedy)
	}
}

// needProgram fails the test when a program is not installed.
func needProgram(t *testing.T, program, deb string) {
	t.Helper()
	_, err := exec.LookPath(program)
	need(t, program, err == nil, "apt-get install "+deb)
}

func needRoot(t *testing.T) {
	t.Helper()
	need(t, "root", os.Geteuid() == 0, "run the tests as root")
}

// mountFUSE serves a file system on a new directory. The unmount waits until the kernel has let go; it is done at the end of
// the test in any case.
func mountFUSE(t *testing.T, fs fuse.RawFileSystem, name string) (path string, unmount func()) {
	t.Helper()
	_, err := os.Stat("/dev/fuse")
	need(t, "fuse", err == nil, "modprobe fuse")
	if os.Geteuid() != 0 {
		needProgram(t, "fusermount3", "fuse3")
	}
	path = t.TempDir()
	if err := guardMount(path); err != nil {
		t.Fatalf("tell guard of mounts: %v", err)
	}
	server, err := fuse.NewServer(fs, path, &fuse.MountOptions{
		DirectMount: true, Name: name, FsName: name, DisableReadDirPlus: true, MaxWrite: 1 << 20,
	})
	if err != nil {
		t.Fatalf("mount %s: %v", name, err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		t.Fatalf("mount %s: %v", name, err)
	}
	mounted := true
	unmount = func() {
		t.Helper()
		if !mounted {
			return
		}
		mounted = false
		err := server.Unmount()
		// A process that is just being started for another test has our files open until it is the other program.
		for n := 0; err != nil && n < 100; n++ {
			<-time.After(100 * time.Millisecond)
			err = server.Unmount()
		}
		if err != nil {
			t.Errorf("unmount %s: %v", name, err)
			return
		}
		<-served
	}
	t.Cleanup(unmount)
	return path, unmount
}
