package epoll_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test binary runs itself in these roles, so that what the peers cost is not counted as ours.
const (
	roleVariable = "HOLDFAST_TEST_ROLE"
	rolePlayers  = "players"
	roleCrowd    = "crowd"
)

func child(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// playRole is the main function of a child. It returns its exit code.
func playRole(role string, args []string) int {
	roles := map[string]func(args []string) error{rolePlayers: players, roleCrowd: crowd}
	if err := roles[role](args); err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v\n", role, strings.Join(args, " "), err)
		return 1
	}
	return 0
}
