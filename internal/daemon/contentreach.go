package daemon

import (
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/health"
)

func contentUnreachable(path string) health.Condition {
	return health.Condition{
		Code: "content_unreachable", Subject: path, Title: "The group of content cannot get to its files", Severity: health.Warning,
		Hint: "let others pass through with: chmod o+x, on the directory that is named; or set other paths",
	}
}

// lookAtReach finds directories above the socket and the cache that the readers of content cannot pass through.
func (d *Daemon) lookAtReach(group int) {
	for _, path := range []string{d.cfg.Content.Socket, d.contentCacheDir()} {
		if dir := closedDir(filepath.Dir(path), group); dir != "" {
			d.health.Set(contentUnreachable(path), "members of "+d.cfg.Content.Group+" cannot pass through "+dir)
		} else {
			d.health.Clear(contentUnreachable(path))
		}
	}
}

// closedDir returns the first directory on the way up that neither everybody nor the group may pass through.
func closedDir(dir string, group int) string {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return dir
		}
		owner, ok := info.Sys().(*syscall.Stat_t)
		ours := ok && int(owner.Gid) == group && info.Mode()&0o010 != 0
		if !ours && info.Mode()&0o001 == 0 {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}
