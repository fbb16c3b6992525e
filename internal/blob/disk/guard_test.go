package disk_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// guardOnly makes the test binary the guard of another one.
const guardOnly = "HOLDFAST_FUSE_GUARD"

// guard is told of each FUSE mount of this process and unmounts them when it is killed. Without it, a thread that waits for
// an answer of our own file system keeps the dead process, and the mount, for ever: the kernel ends the wait only when the
// server's descriptor is closed, and that thread holds it.
var guard = sync.OnceValues(startGuard)

// startGuard starts the guard and returns where it reads paths from.
func startGuard() (io.Writer, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe) //nolint:noctx // it lives as long as this process
	cmd.Env = append(os.Environ(), guardOnly+"=1")
	// The signal comes when the thread that started it ends; so that thread is kept until all end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	paths, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go guardThread(cmd, started)
	return paths, <-started
}

func guardThread(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	started <- cmd.Start()
	_ = cmd.Wait() // it outlives us
}

// keepGuard reads paths until its parent is gone, then unmounts by force what that left mounted.
func keepGuard() {
	killed := make(chan os.Signal, 1)
	signal.Notify(killed, syscall.SIGTERM)
	lines := make(chan string)
	go func() {
		defer close(lines)
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			lines <- in.Text()
		}
	}()
	var paths []string
	for gone := false; !gone; {
		select {
		case path, ok := <-lines:
			gone = !ok
			paths = append(paths, path)
		case <-killed: // the input stays open while a thread of the parent hangs
			gone = true
		}
	}
	for _, path := range paths {
		_ = unix.Unmount(path, unix.MNT_FORCE|unix.MNT_DETACH) // most are unmounted
	}
}

// guardMount tells the guard of a mount.
func guardMount(path string) error {
	paths, err := guard()
	if err == nil {
		_, err = fmt.Fprintln(paths, path)
	}
	return err
}
