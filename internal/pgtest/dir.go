package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	prefix     = "hfpg-"
	maxBase    = 40 // bytes: a socket's path may have 107, and ours adds at most 45
	settleTime = time.Minute
	keepTime   = 24 * time.Hour
)

// dir is the directory of one server: data, the socket, the log, and the locked file that shows its owner lives.
type dir struct {
	path string
	lock *os.File
}

func base() string {
	if tmp := os.TempDir(); len(tmp) <= maxBase {
		return tmp
	}
	return "/tmp"
}

func newDir(cred *syscall.Credential) (*dir, error) {
	path, err := os.MkdirTemp(base(), prefix)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, "owner"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := fmt.Fprintln(lock, os.Getpid()); err != nil {
		return nil, err
	}
	if cred != nil {
		err = os.Chown(path, int(cred.Uid), int(cred.Gid))
	}
	return &dir{path: path, lock: lock}, err
}

func (d *dir) data() string { return filepath.Join(d.path, "data") }
func (d *dir) log() string  { return filepath.Join(d.path, "log") }

// keep leaves the directory to a person who wants to see what a failed test left.
func (d *dir) keep() error {
	return os.WriteFile(filepath.Join(d.path, "kept"), nil, 0o600)
}

func (d *dir) kept() bool {
	_, err := os.Stat(filepath.Join(d.path, "kept"))
	return err == nil
}

// remove gives the directory up.
func (d *dir) remove() error {
	defer d.lock.Close()
	if d.kept() {
		return nil
	}
	return erase(d.path)
}

// erase removes a directory, and the shared memory that a server which was killed in it has left.
func erase(path string) error {
	if lines := pidFile(filepath.Join(path, "data")); len(lines) > 6 {
		var key, id int
		var seg unix.SysvShmDesc
		if _, err := fmt.Sscan(lines[6], &key, &id); err == nil {
			_, err = unix.SysvShmCtl(id, unix.IPC_STAT, &seg)
			if err == nil && int(uint32(seg.Perm.Key)) == key {
				_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // it goes with its last user; best effort
			}
		}
	}
	return os.RemoveAll(path)
}

// sweep removes the directories of test binaries that are no more. It is housekeeping: what it cannot remove stays.
func sweep() {
	paths, _ := filepath.Glob(filepath.Join(base(), prefix+"*")) // the only error is a bad pattern
	for _, path := range paths {
		if abandoned(path) && !alive(path) {
			_ = erase(path)
		}
	}
}

// abandoned reports whether nobody owns the directory. A young one may not have its lock yet.
func abandoned(path string) bool {
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) < settleTime {
		return false
	}
	if kept, err := os.Stat(filepath.Join(path, "kept")); err == nil && time.Since(kept.ModTime()) < keepTime {
		return false
	}
	lock, err := os.Open(filepath.Join(path, "owner"))
	if err != nil {
		return os.IsNotExist(err)
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// alive reports whether a server still runs in the directory, and if so tells it to end; the next sweep finds it gone.
func alive(path string) bool {
	lines := pidFile(filepath.Join(path, "data"))
	if len(lines) == 0 {
		return false
	}
	pid, err := strconv.Atoi(lines[0])
	if err != nil || pid <= 1 {
		return false
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(args), path) {
		return false
	}
	_ = syscall.Kill(pid, syscall.SIGQUIT)
	return true
}

// pidFile returns the lines of postmaster.pid: pid, data directory, start time, port, socket directory, address,
// shared memory key, status.
func pidFile(data string) []string {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(b), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}
