package e2e_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/cli"
	"holdfast/internal/pgtest"
)

// actAs is set in the environment of the processes that are to be the program and not its tests.
const actAs = "E2E_ACT_AS_HOLDFAST"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	flag.Parse()
	if !explicitly("test.parallel") {
		_ = flag.Set("test.parallel", parallel) // a flag that package testing has
	}
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// parallel is how many tests run at once: they wait for other processes most of the time.
const parallel = "6"

func explicitly(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// Limits of waiting. What takes longer hangs: even a loaded machine is faster.
const (
	startLimit = 90 * time.Second // a private PostgreSQL is made first
	stopLimit  = 60 * time.Second
	callLimit  = 60 * time.Second
)

// soak reports whether the long runs are asked for.
func soak() bool { return os.Getenv("HOLDFAST_SOAK") != "" }
