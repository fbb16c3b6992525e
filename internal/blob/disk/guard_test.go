package disk_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	guardOnly = "HOLDFAST_FUSE_GUARD"    // makes the test binary the guard of another one
	guardFD   = "HOLDFAST_FUSE_GUARD_FD" // where this process tells its guard of mounts
)

// startGuard starts a process that is told of each FUSE mount of this one, and unmounts them when it is killed. Without it, a
// thread that waits for an answer of our own file system keeps the dead process, and the mount, for ever: the kernel ends the
// wait only when the server's descriptor is closed, and that thread holds it.
func startGuard() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return err
	}
	in := os.NewFile(uintptr(pipe[0]), "guard")
	defer in.Close()
	cmd := exec.CommandContext(context.Background(), exe) // it outlives us
	cmd.Env = append(os.Environ(), guardOnly+"=1")
	cmd.Stdin = in
	// The signal comes when the thread that started it ends; so that thread is kept until all end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	started := make(chan error)
	go guardThread(cmd, started)
	return errors.Join(<-started, os.Setenv(guardFD, strconv.Itoa(pipe[1])))
}

func guardThread(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	started <- cmd.Start()
	_ = cmd.Wait()
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
	fd, err := strconv.Atoi(os.Getenv(guardFD))
	if err == nil {
		_, err = unix.Write(fd, []byte(path+"\n"))
	}
	return err
}
