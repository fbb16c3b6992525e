package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/internal/config"
)

// S0-04: what root's commands wrote becomes the service's; a file that the service gave a second name, in the hope of getting it, does
// not.
func TestTheServiceIsGivenNoForeignFile(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("only root hands over: run the tests as root, as .ci/run does")
	}
	const account = 65534
	dir := t.TempDir()
	state, foreign := filepath.Join(dir, "state"), filepath.Join(dir, "foreign")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(state, "secrets"), 0o700), os.Chown(state, account, account),
		os.WriteFile(filepath.Join(state, "secrets", "ours"), nil, 0o600), os.WriteFile(foreign, nil, 0o600),
		os.Link(foreign, filepath.Join(state, "secrets", "theirs")), os.Symlink(foreign, filepath.Join(state, "secrets", "link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := config.Default()
	c.Paths.State = state
	if err := giveToService(&c, filepath.Join(state, "secrets"), dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{state: account, filepath.Join(state, "secrets"): account, filepath.Join(state, "secrets", "ours"): account, foreign: 0, dir: 0} {
		var s syscall.Stat_t
		if err := syscall.Stat(path, &s); err != nil || s.Uid != want {
			t.Errorf("%s is of %d, %v; want %d", path, s.Uid, err, want)
		}
	}
}
