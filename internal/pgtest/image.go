package pgtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// revision is raised when initdb is called differently, so that old images are not used.
const revision = 2

// image returns the directory of a data directory that can be copied, and builds it when it is not in the cache.
func image(r release, cred *syscall.Credential) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = filepath.Join(base(), fmt.Sprintf("holdfast-cache-%d", os.Getuid()))
	}
	cache = filepath.Join(cache, "holdfast", "pgtest")
	path := filepath.Join(cache, fmt.Sprintf("pg%s-r%d", r.version, revision))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", err
	}
	return path, build(r, cred, path)
}

// build makes the image where the server's account may write, copies it beside its place and renames it. Several
// processes may do so at once; the first one wins.
func build(r release, cred *syscall.Credential, path string) error {
	d, err := newDir(cred)
	if err != nil {
		return err
	}
	defer func() { _ = d.remove() }()
	if err := initdb(r, cred, d.data()); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), "building-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := copyTree(d.data(), tmp, nil); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
		return err
	}
	return nil
}

func initdb(r release, cred *syscall.Credential, data string) error {
	args := []string{
		"-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "--data-checksums",
		"--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=1",
	}
	if r.major >= 15 {
		args = append(args, "--locale-provider=icu", "--icu-locale=und")
	}
	cmd := exec.Command(filepath.Join(r.bin, "initdb"), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

// copyTree copies directories and plain files (an image has nothing else) and gives them to the account.
func copyTree(from, to string, cred *syscall.Credential) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if e.IsDir() {
			err = os.MkdirAll(target, 0o700)
		} else {
			err = copyFile(path, target)
		}
		if err == nil && cred != nil {
			err = os.Chown(target, int(cred.Uid), int(cred.Gid))
		}
		return err
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
