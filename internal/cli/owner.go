package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"holdfast/internal/config"
)

// giveToService gives what a command of root wrote below the state directory, with all that is in it, to the account that the
// directory belongs to: the daemon runs as that account, and has to read and replace it. Anybody else's is theirs already, and
// what lies elsewhere stays as it is. Nothing that the account may have put there leads out of the directory.
func giveToService(cfg *config.Config, paths ...string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	state, err := os.OpenRoot(cfg.Paths.State)
	if err != nil {
		return fmt.Errorf("give to the service: %w", err)
	}
	defer state.Close()
	info, err := state.Stat(".")
	if err != nil {
		return fmt.Errorf("give to the service: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	for _, path := range paths {
		name, err := filepath.Rel(cfg.Paths.State, path)
		if err != nil || name == ".." || strings.HasPrefix(name, "../") {
			continue
		}
		err = giveTree(state, name, owner.Uid, owner.Gid)
		if err != nil {
			return fmt.Errorf("give %s to the service: %w", path, err)
		}
	}
	return nil
}

// giveTree leaves a file alone that has a name elsewhere, too: the account may have given a name in its directory to a file that
// is not its own (which kernels with fs.protected_hardlinks = 1, the default of distributions, refuse it).
func giveTree(state *os.Root, top string, uid, gid uint32) error {
	type file struct{ dev, inode uint64 }
	names, links := map[file][]string{}, map[file]uint64{}
	err := fs.WalkDir(state.FS(), top, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := state.Lstat(name)
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Uid != uid {
			f := file{s.Dev, s.Ino}
			names[f] = append(names[f], name)
			if links[f] = 1; info.Mode().IsRegular() {
				links[f] = uint64(s.Nlink)
			}
		}
		return nil
	})
	for f, all := range names {
		if err == nil && uint64(len(all)) == links[f] {
			err = state.Lchown(all[0], int(uid), int(gid))
		}
	}
	return err
}
