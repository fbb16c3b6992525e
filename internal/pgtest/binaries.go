package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"syscall"
)

// installHint is printed when PostgreSQL is missing: a missing program fails a test, it never skips it.
const installHint = "PostgreSQL 13 or newer is needed for this test: apt-get install postgresql (or set HOLDFAST_TEST_PG to a directory with initdb and postgres)"

// release is one installed PostgreSQL.
type release struct {
	bin     string // directory with initdb and postgres
	version string // "15.18"
	major   int
}

// findRelease returns the newest installed PostgreSQL, or the one that HOLDFAST_TEST_PG names.
func findRelease() (release, error) {
	var found []release
	for _, dir := range candidates() {
		if r, err := inspect(dir); err == nil {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return release{}, errors.New(installHint)
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].major > found[j].major })
	return found[0], nil
}

func candidates() []string {
	if dir := os.Getenv("HOLDFAST_TEST_PG"); dir != "" {
		return []string{dir}
	}
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		match, _ := filepath.Glob(pattern) // the only error is a bad pattern
		dirs = append(dirs, match...)
	}
	return dirs
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[.\w]*)`)

func inspect(dir string) (release, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return release{}, err
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return release{}, fmt.Errorf("ask postgres for its version: %w", err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return release{}, fmt.Errorf("unknown version %q", out)
	}
	major, err := strconv.Atoi(string(m[2]))
	if err != nil || major < 13 {
		return release{}, fmt.Errorf("version %q is not supported", m[1])
	}
	return release{bin: dir, version: string(m[1]), major: major}, nil
}

// account returns whom the server runs as: nil for ourselves, since PostgreSQL refuses only root.
func account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody")
}
