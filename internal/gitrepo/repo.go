package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"holdfast/internal/fstype"
	"holdfast/internal/treepack"
)

// Names in a mirror.
const (
	marker     = "holdfast-mirror" // says that the directory is ours to rename and remove
	trust      = "holdfast-trust"  // git configuration for the other side of a local path
	keptPrefix = "refs/holdfast/"  // followed by the number of a revision
	fetchedRef = "refs/holdfast/fetched"
)

// Repo is a mirror. Its methods are safe for concurrent use.
type Repo struct {
	dir     string
	remote  address
	options Options
	log     *slog.Logger

	reader *Objects // of this Repo's own questions, and of [Repo.Reader]

	mu       sync.Mutex // protects the following
	format   treepack.Format
	doubt    doubt
	examined treepack.ID // the fetched commit that was found whole
	whole    time.Time   // when all commits were last found whole; zero: never
	inode    uint64      // of the directory that was inspected; 0: none
}

// doubt is what the next Fetch has to look for.
type doubt uint8

const (
	unknown doubt = iota // nothing was looked at since Open
	none                 // the mirror is whole as far as we know
	missing              // an object was not there
	unsound              // an object could not be read
)

// Open opens the mirror, and makes it if it is absent; that asks the remote for its object format.
func Open(ctx context.Context, o Options) (*Repo, error) {
	r, err := configure(o)
	if err != nil {
		return nil, err
	}
	if err := r.checkProgram(ctx); err != nil {
		return nil, err
	}
	if err := refuseNetworkDisk(r.dir, fstype.Of); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(r.dir), 0o750); err != nil {
		return nil, fmt.Errorf("make directory of the mirror: %w", err)
	}
	lock, err := r.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lock.Close() }()
	return r, r.adopt(ctx)
}

// configure checks the options.
func configure(o Options) (*Repo, error) {
	remote, err := parseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(o.Dir) || hasControl(o.Dir) {
		return nil, like(ErrAddress, "the mirror's directory %q is not an absolute path", o.Dir).WithHint("give an absolute path on a local disk")
	}
	if err := errors.Join(checkSSHPath("the deploy key", o.KeyFile), checkSSHPath("known_hosts", o.KnownHosts)); err != nil {
		return nil, err
	}
	if o.Stall <= 0 {
		o.Stall = defaultStall
	}
	if o.Git == "" {
		o.Git = "git"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Repo{dir: filepath.Clean(o.Dir), remote: remote, options: o, log: o.Log}
	r.reader = r.newObjects()
	return r, nil
}

// versionLine is what git version prints: git version 2.39.5.
var versionLine = regexp.MustCompile(`^git version (\d+)\.(\d+)`)

// checkProgram asks git for its version: 2.32 is the first that heeds GIT_CONFIG_GLOBAL, without which a user's configuration
// would count.
func (r *Repo) checkProgram(ctx context.Context) error {
	out, err := r.run(ctx, job{args: []string{"version"}, outside: true})
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return like(ErrNoGit, "find git: %w", err).WithHint("apt-get install git")
	}
	if err != nil {
		return fmt.Errorf("ask git for its version: %w", err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return like(ErrNoGit, "%s is not git: it prints %.40q", r.options.Git, out).WithHint("apt-get install git")
	}
	major, _ := strconv.Atoi(string(m[1])) // digits, by the pattern
	minor, _ := strconv.Atoi(string(m[2]))
	if major < 2 || major == 2 && minor < 32 {
		return like(ErrNoGit, "git %d.%d is too old: 2.32 is needed", major, minor).WithHint("apt-get install git")
	}
	return nil
}

// Format returns the hash of the repository's object ids. It can change when the remote is replaced by another repository.
func (r *Repo) Format() treepack.Format {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.format
}

// Dir returns the mirror's directory.
func (r *Repo) Dir() string { return r.dir }

// suspect notes that an object was not as it should be. The worst doubt counts.
func (r *Repo) suspect(d doubt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt = max(r.doubt, d)
}

// clear notes that the mirror was found whole at a commit.
func (r *Repo) clear(commit treepack.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doubt, r.examined = none, commit
}

func (r *Repo) doubts() (doubt, treepack.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doubt, r.examined
}

// recentlyWhole reports whether the last examination of all commits still counts.
func (r *Repo) recentlyWhole() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.whole.IsZero() && time.Since(r.whole) < examinedFor
}

// foundWhole notes that all commits were examined.
func (r *Repo) foundWhole() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.whole = time.Now()
}

func (r *Repo) trustFile() string { return filepath.Join(r.dir, trust) }
