package e2e_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/cli"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// actAs is set in the environment of the processes that are to be the program and not its tests.
const actAs = "E2E_ACT_AS_HOLDFAST"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	program.Parallel("6")
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// Limits of waiting. What takes longer hangs: even a loaded machine is faster.
const (
	startLimit = 90 * time.Second // a private PostgreSQL is made first
	stopLimit  = 60 * time.Second
	callLimit  = 60 * time.Second
)

// soak reports whether the long runs are asked for.
func soak() bool { return os.Getenv("HOLDFAST_SOAK") != "" }
