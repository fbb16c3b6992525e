package e2e_test

import (
	"os/exec"
	"testing"

	"holdfast/test/program"
)

type (
	process = program.Process
	result  = program.Result
)

// shell runs a script with the programs of the distribution and nothing of the developer's own settings.
func shell(t testing.TB, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-ec", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "LANG=C.UTF-8", "NO_PROXY=*", "AWS_EC2_METADATA_DISABLED=true"}
	return cmd
}
