package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// openState makes the writable roots and takes the lock on the state directory.
func (d *Daemon) openState(ctx context.Context) error {
	p := d.cfg.Paths
	// The state directory first: the others may lie in it.
	err := errors.Join(makeRoot(p.State, d.stateMode()), makeRoot(p.Cache, d.cacheMode()), makeRoot(p.Backup, 0o700))
	if err != nil {
		return err
	}
	lock, err := d.takeLock(ctx, filepath.Join(p.State, "lock"))
	if err != nil {
		return err
	}
	d.onStop(lockPart, func(context.Context) error { return lock.Release() })
	return nil
}

// stateMode is for this user alone, but that others may pass through to the socket of a private PostgreSQL, which
// guards its door itself. Everything else in it has a mode of its own.
func (d *Daemon) stateMode() os.FileMode {
	if d.cfg.Database.Mode == postgres.PrivateCluster || d.sharesContent() {
		return 0o711
	}
	return 0o700
}

// cacheMode lets the readers of content pass through, if there are others than this user.
func (d *Daemon) cacheMode() os.FileMode {
	if d.sharesContent() {
		return 0o711
	}
	return 0o700
}

// sharesContent reports whether a group of others reads the cache of content and uses its socket.
func (d *Daemon) sharesContent() bool { return d.cfg.Content.Enabled && d.cfg.Content.Group != "" }

// makeRoot makes a directory. One that exists keeps its mode, because somebody may have given it to a group; only what
// strangers could do is refused.
func makeRoot(dir string, mode os.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
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
	probe, err := os.CreateTemp(dir, probePrefix)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil // files can be read and clients connect; who needs room says so
	}
	if err != nil {
		return fault.New(fault.Config, "root_not_writable", "write to %s: %w", dir, err).
			WithHint("give it to the user that runs Holdfast, or mount it read-write")
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func lockFile(path string) (*atomicfile.Lock, error) {
	lock, err := atomicfile.TakeLock(path)
	if errors.Is(err, atomicfile.ErrLocked) {
		return nil, fault.New(fault.Conflict, "already_running", "another Holdfast uses %s", filepath.Dir(path)).
			WithHint("stop it with: holdfast stop, or give this one its own paths.state")
	}
	return lock, err
}
