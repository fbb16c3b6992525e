package e2e_test

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// S0-04: the install page's service has an account of its own, and root gives the commands. Whatever root's commands leave in the
// state directory, the service can read, and it starts again. Its exports lie where it may write, and what may not be is told.
func TestAServiceWithAnAccountOfItsOwnIsRunByRoot(t *testing.T) {
	t.Parallel()
	needRoot(t)
	account := accountOf(t, "postgres")
	s := newSite(t, pgtest.Database(t))
	state, static := s.Path("state"), s.Path("static")
	s.set("paths.state", state, "static.root", static)
	err := errors.Join(os.Mkdir(state, 0o700), os.Mkdir(static, 0o755),
		os.WriteFile(filepath.Join(static, "main.css"), []byte("a{}"), 0o600), chown(account, state, s.Path("secrets"), static))
	if err != nil {
		t.Fatal(err)
	}
	s.Must("assets", "build")

	n := s.serveAs(account)
	env := s.Must("env")
	s.Must("files", "bucket", "create", "papers")
	s.Must("files", "put", s.Path("holdfast.toml"), "papers/a")
	export := filepath.Join(state, "export", "papers")
	s.Must("files", "export", "papers", export)
	if info, err := os.Stat(filepath.Join(export, "a")); err != nil || info.Sys().(*syscall.Stat_t).Nlink != 2 {
		t.Errorf("the export holds %v: %v", info, err)
	}
	r := s.Run("files", "export", "papers", filepath.Join(s.Dir, "of-root"))
	if r.Code != 5 || !strings.Contains(r.Stderr, "below paths.state") {
		t.Errorf("an export where only root may write ends with %d: %s", r.Code, r.Stderr)
	}
	everythingIsOf(t, account, state)

	// An older version left the directory of the key to root.
	if err := os.Chown(filepath.Join(state, "secrets"), 0, 0); err != nil {
		t.Fatal(err)
	}
	s.Must("stop")
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	s.serveAs(account)
	if again := s.Must("env"); again != withPort(env, again) {
		t.Errorf("env prints\n%s\nafter a restart\n%s", env, again)
	}
	everythingIsOf(t, account, state)
}

// withPort takes over from another output the lines whose ports change with each start.
func withPort(env, other string) string {
	a, b := strings.Split(env, "\n"), strings.Split(other, "\n")
	for i := range a {
		if i < len(b) && !strings.HasPrefix(a[i], "export AWS_ACCESS_KEY_ID") && !strings.HasPrefix(a[i], "export AWS_SECRET") {
			a[i] = b[i]
		}
	}
	return strings.Join(a, "\n")
}

// serveAs starts the daemon under an account.
func (s *site) serveAs(account *syscall.Credential) *node {
	s.T.Helper()
	cmd := program.Self(s.Env(), "serve")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	n := &node{process: program.Launch(s.T, cmd), site: s}
	n.ready()
	return n
}

func accountOf(t *testing.T, name string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("%v: apt-get install postgresql", err)
	}
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(uerr, gerr); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func chown(account *syscall.Credential, roots ...string) error {
	var errs []error
	for _, root := range roots {
		errs = append(errs, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, int(account.Uid), int(account.Gid)))
		}))
	}
	return errors.Join(errs...)
}

func everythingIsOf(t *testing.T, account *syscall.Credential, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		var st syscall.Stat_t
		if err := errors.Join(err, syscall.Lstat(path, &st)); err != nil {
			return err
		}
		if st.Uid != account.Uid {
			t.Errorf("%s belongs to %d, want %d", path, st.Uid, account.Uid)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
