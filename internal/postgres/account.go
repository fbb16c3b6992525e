package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"holdfast/internal/fault"
)

// account is whom the server runs as. The zero value is whoever we are.
type account struct {
	name     string
	uid, gid uint32
	other    bool // not ourselves: we are root
}

// findAccount returns the account for the server. PostgreSQL refuses to run as root, so root must name another one.
func findAccount(configured string) (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{uid: uint32(uid), gid: uint32(os.Getegid())}, nil
	}
	names := []string{configured}
	if configured == "" {
		names = []string{"postgres", "nobody"}
	}
	for _, name := range names {
		a, err := lookUp(name)
		if err != nil {
			continue
		}
		if a.uid == 0 {
			return account{}, fault.New(fault.Config, "private_run_as", "database.private.run_as: PostgreSQL does not run as root").
				WithHint("name an account without rights, as postgres")
		}
		return a, nil
	}
	return account{}, fault.New(fault.Config, "private_run_as", "there is no account %q to run PostgreSQL under", names[0]).
		WithHint("create it with: adduser --system --group %s; or run Holdfast as an account that is not root", names[0])
}

func lookUp(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, err
	}
	return account{name: name, uid: uint32(uid), gid: uint32(gid), other: true}, nil
}

// credential makes a child process run as the account, without our supplementary groups.
func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// own gives one file or empty directory to the account.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// canReach makes sure that the account may pass through all directories above path.
func (a account) canReach(path string) error {
	if !a.other {
		return nil
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if !a.mayPass(info) {
			return fault.New(fault.Config, "private_path", "the account %s, which PostgreSQL runs under, may not pass through %s (mode %04o)",
				a.name, dir, info.Mode().Perm()).
				WithHint("chmod o+x %s; or set paths.state to a directory such as /var/lib/holdfast", dir)
		}
		if dir == "/" {
			return nil
		}
	}
}

func (a account) mayPass(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case st.Uid == a.uid:
		return mode&0o100 != 0
	case st.Gid == a.gid:
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// owns reports whether the account owns a file.
func (a account) owns(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != a.uid {
		return fault.New(fault.Config, "private_owner", "%s belongs to uid %d, but PostgreSQL is to run as uid %d", path, st.Uid, a.uid).
			WithHint("set database.private.run_as to the owner, or run: chown -R %d:%d %s", a.uid, a.gid, path)
	}
	return nil
}

func (a account) String() string {
	if a.name == "" {
		return fmt.Sprintf("uid %d", a.uid)
	}
	return a.name
}
