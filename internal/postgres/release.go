package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/fault"
)

// release is an installed PostgreSQL.
type release struct {
	bin   string // directory of initdb and postgres
	major int
}

// distributionFolders are where Debian and Ubuntu, and Red Hat and its kin, put the programs of each major.
var distributionFolders = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"}

// chooseRelease returns the PostgreSQL that runs the data directory: that of its own major, never another; and the newest
// one that is supported for a directory that is not there yet.
func chooseRelease(ctx context.Context, configured, data string) (release, error) {
	found := findReleases(ctx, configured)
	want, err := dataMajor(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		want = 0
	case err != nil:
		return release{}, err
	}
	var majors []string
	for _, r := range found { // newest first
		if r.major == want || want == 0 && r.major >= minMajor && r.major <= maxMajor {
			return r, nil
		}
		majors = append(majors, strconv.Itoa(r.major))
	}
	if want != 0 && len(found) > 0 {
		return release{}, fault.New(fault.Config, "private_version", "the data directory %s belongs to PostgreSQL %d, installed is %s",
			data, want, strings.Join(majors, ", ")).
			WithHint("install PostgreSQL %d again (apt-get install postgresql-%d); Holdfast never upgrades by itself: to upgrade, "+
				"dump with pg_dumpall under %d, move the directory away, start, and load the dump", want, want, want)
	}
	return release{}, fault.New(fault.Config, "private_no_postgres", "PostgreSQL %d to %d is not installed%s", minMajor, maxMajor, whereLooked(configured)).
		WithHint("apt-get install postgresql; or set database.private.bin to the directory of initdb and postgres; or attach a server with database.host")
}

func whereLooked(configured string) string {
	if configured != "" {
		return " in " + configured
	}
	return ": looked on PATH and in " + strings.Join(distributionFolders, ", ")
}

// findReleases returns what is installed, newest first. A configured directory is the only one looked at.
func findReleases(ctx context.Context, configured string) []release {
	dirs := []string{configured}
	if configured == "" {
		dirs = searchPath()
		for _, pattern := range distributionFolders {
			match, _ := filepath.Glob(pattern) // the only error is a bad pattern
			dirs = append(dirs, match...)
		}
	}
	var found []release
	for _, dir := range dirs {
		if r, err := inspect(ctx, dir); err == nil {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b release) int { return b.major - a.major })
	return found
}

// searchPath returns the directory of the postgres on PATH. Distributions put links there, and beside a link there may be no
// initdb.
func searchPath() []string {
	path, err := exec.LookPath("postgres")
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return []string{filepath.Dir(path)}
}

func inspect(ctx context.Context, dir string) (release, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return release{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return release{}, fmt.Errorf("ask %s/postgres for its version: %w", dir, err)
	}
	_, version, ok := strings.Cut(string(out), "(PostgreSQL) ")
	if major := majorOf(version); ok && major > 0 {
		return release{bin: dir, major: major}, nil
	}
	return release{}, fmt.Errorf("%s/postgres is not PostgreSQL", dir)
}

// dataMajor returns the major version of a data directory; fs.ErrNotExist when there is no such directory.
func dataMajor(data string) (int, error) {
	if _, err := os.Stat(data); err != nil {
		return 0, fmt.Errorf("look at data directory: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return 0, fault.New(fault.Config, "private_not_data", "%s is there and is no data directory: %v", data, err).
			WithHint("move it away: Holdfast makes the directory itself")
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("read PG_VERSION of %s: %w", data, err)
	}
	return major, nil
}
