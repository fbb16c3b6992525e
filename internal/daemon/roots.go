package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/fault"
)

// openState makes the writable roots and takes the lock on the state directory.
func (d *Daemon) openState(context.Context) error {
	p := d.cfg.Paths
	for _, dir := range []string{p.State, p.Cache, p.Backup} {
		if err := makeRoot(dir); err != nil {
			return err
		}
	}
	lock, err := lockFile(filepath.Join(p.State, "lock"))
	if err != nil {
		return err
	}
	d.onStop("lock", func(context.Context) error { return lock.Close() })
	return nil
}

// makeRoot makes a directory for this user alone. A directory that exists keeps its mode, because somebody may have
// given it to a group; only what strangers could do is refused.
func makeRoot(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Config, "root_not_writable", "make %s: %w", dir, err).
			WithHint("create it and give it to the user that runs Holdfast, or name another directory in [paths]")
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fault.New(fault.Config, "root_writable_by_all", "%s can be written by everybody", dir).
			WithHint("chmod o-w %s", dir)
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return fault.New(fault.Config, "root_not_writable", "write to %s: %w", dir, err).
			WithHint("give it to the user that runs Holdfast, or mount it read-write")
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fault.New(fault.Conflict, "already_running", "another Holdfast uses %s", filepath.Dir(path)).
			WithHint("stop it with: holdfast stop, or give this one its own paths.state")
	}
	return f, nil
}
