package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/atomicfile"
)

const (
	// probePrefix begins the names of files that try whether a directory can be written to.
	probePrefix = ".probe-"
	// abandoned is the age from which an unfinished file is nobody's any more.
	abandoned = time.Hour
)

// sweepLeftOvers removes the unfinished small files of processes that were killed. What cannot be removed, or looked at, stays:
// it harms nobody, and keeps nothing from starting.
func (d *Daemon) sweepLeftOvers(ctx context.Context) error {
	place := Place(d.cfg)
	for _, dir := range []string{d.cfg.Paths.State, d.cfg.Paths.Cache, d.cfg.Paths.Backup, place.Dir, place.Secrets} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.log.WarnContext(ctx, "cannot look for unfinished files", "dir", dir, "error", err)
		}
		for _, e := range entries {
			if !leftOver(e) {
				continue
			}
			err := os.Remove(filepath.Join(dir, e.Name()))
			d.log.DebugContext(ctx, "removed an unfinished file", "dir", dir, "name", e.Name(), "error", err)
		}
	}
	return nil
}

func leftOver(e fs.DirEntry) bool {
	if !strings.HasPrefix(e.Name(), atomicfile.TempPrefix) && !strings.HasPrefix(e.Name(), probePrefix) {
		return false
	}
	info, err := e.Info()
	return err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned
}
