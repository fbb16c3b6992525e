package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tempDirs is how many directories there are for files that have no name yet: writers of one directory wait for each other.
const tempDirs = 4

const tempDirPrefix = "new-"

// tempDir is one of those directories. On ext4 they are replaced by new ones now and then. A file's inode is looked for near
// its directory, past each inode that was given back during the last minutes (recently_deleted in fs/ext4/ialloc.c): where
// many files have just been deleted that takes ten times as long as all else. A new directory lies somewhere else.
type tempDir struct {
	*dir
	users int  // files that are not named yet; protected by journal.mu
	old   bool // to be removed when nobody uses it; protected by journal.mu
}

// temp is a file of the journal that is not named as a blob yet. Whoever has one ends it.
type temp struct {
	journal *journal
	dir     *tempDir
	base    string
}

// openTemps makes directories for such files and removes those that a process which died left. The caller is alone with the
// store.
func (j *journal) openTemps() error {
	if len(j.temps) > 0 { // it was alone before
		return nil
	}
	entries, err := j.dir.entries()
	if err != nil {
		return fmt.Errorf("list journal: %w", err)
	}
	for _, e := range entries {
		switch {
		case e.IsDir() && strings.HasPrefix(e.Name(), tempDirPrefix):
			err = j.removeTempDir(e.Name())
		case strings.HasPrefix(e.Name(), tempPrefix): // a segment that was being made
			err = j.dir.remove(e.Name())
		}
		if err != nil {
			return fmt.Errorf("remove %s: %w", e.Name(), err)
		}
	}
	j.spread()
	return j.newTempDirs()
}

// spread tells ext4 to lay the directories below the journal's far from each other, as it does with those of the users
// below /home (EXT4_TOPDIR_FL, the "T" of chattr(1)). It is a matter of speed only.
func (j *journal) spread() {
	const topDir = 0x00020000
	if j.store.kind != "ext4" {
		return
	}
	flags, err := unix.IoctlGetInt(j.dir.fd, unix.FS_IOC_GETFLAGS)
	if err == nil && flags&topDir == 0 {
		_ = unix.IoctlSetPointerInt(j.dir.fd, unix.FS_IOC_SETFLAGS, flags|topDir)
	}
}

func (j *journal) removeTempDir(base string) error {
	d, err := j.store.root.openDir(path.Join(journalDir, base))
	if err != nil {
		return err
	}
	defer d.close()
	entries, err := d.entries()
	for _, e := range entries {
		err = errors.Join(err, d.remove(e.Name()))
	}
	if err != nil {
		return err
	}
	return unix.Unlinkat(j.dir.fd, base, unix.AT_REMOVEDIR)
}

// newTempDirs puts new directories in the place of those that are there. They need not be durable: what lies in them is not.
func (j *journal) newTempDirs() error {
	dirs := make([]*tempDir, 0, tempDirs)
	for range tempDirs {
		d, err := j.newTempDir()
		if err != nil {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.leaveTempDirs(dirs)
			return err
		}
		dirs = append(dirs, d)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.leaveTempDirs(j.temps)
	j.temps = dirs
	return nil
}

func (j *journal) newTempDir() (*tempDir, error) {
	rel := path.Join(journalDir, tempDirPrefix+strconv.FormatUint(j.lastTemp.Add(1), 10))
	if err := unix.Mkdirat(j.dir.fd, path.Base(rel), dirMode); err != nil {
		return nil, &fs.PathError{Op: "make directory", Path: rel, Err: err}
	}
	d, err := j.store.root.openDir(rel)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: rel, Err: err}
	}
	return &tempDir{dir: d}, nil
}

// leaveTempDirs lets go of the directories of temporary files. Callers hold mu.
func (j *journal) leaveTempDirs(dirs []*tempDir) {
	for _, d := range dirs {
		d.old = true
		j.dropTempDir(d)
	}
}

// dropTempDir removes a directory that nobody uses any more. Callers hold mu.
func (j *journal) dropTempDir(d *tempDir) {
	if d.old && d.users == 0 {
		d.close()
		_ = unix.Unlinkat(j.dir.fd, path.Base(d.rel), unix.AT_REMOVEDIR) // else the next start does
	}
}

// newTemp returns a name that no other file has: one process at a time writes there.
func (j *journal) newTemp() temp {
	n := j.lastTemp.Add(1)
	j.mu.Lock()
	defer j.mu.Unlock()
	d := j.temps[n%uint64(len(j.temps))]
	d.users++
	return temp{j, d, strconv.FormatUint(n, 10)}
}

// end lets go of the file: it has a name, or was removed.
func (t temp) end() {
	t.journal.mu.Lock()
	defer t.journal.mu.Unlock()
	t.dir.users--
	t.journal.dropTempDir(t.dir)
}

func (t temp) remove() error { return t.dir.remove(t.base) }

// write writes the file and returns its time. It is not synced.
func (t temp) write(data, sidecar []byte) (time.Time, error) {
	fd, err := t.dir.open(t.base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return time.Time{}, &fs.PathError{Op: "create", Path: path.Join(t.dir.rel, t.base), Err: err}
	}
	st, err := fillFile(fd, data, sidecar)
	if closing := unix.Close(fd); err == nil {
		err = closing
	}
	return time.Unix(st.Mtim.Unix()), err
}

func fillFile(fd int, data, sidecar []byte) (st unix.Stat_t, err error) {
	for len(data) > 0 {
		n, err := again(func() (int, error) { return unix.Write(fd, data) })
		if err != nil {
			return st, fmt.Errorf("write: %w", err)
		}
		data = data[n:]
	}
	if sidecar != nil {
		if err := unix.Fsetxattr(fd, attribute, sidecar, 0); err != nil {
			return st, fmt.Errorf("write sidecar: %w", err)
		}
	}
	return st, unix.Fstat(fd, &st)
}
