package content_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/cli"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// The variables that make the test binary the program, or an application.
const (
	actAs    = "CONTENT_ACT_AS_HOLDFAST"
	actAsApp = "CONTENT_ACT_AS_APP"
)

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	if text := os.Getenv(actAsApp); text != "" {
		os.Exit(beApp(text))
	}
	program.Parallel("4")
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// Limits of waiting. What takes longer hangs: even a loaded machine is faster.
const (
	startLimit = 90 * time.Second
	callLimit  = 120 * time.Second
)

// seen is what the issue promises: a publish is seen by all processes within two seconds.
const seen = 2 * time.Second

// sized returns the size of a run: the small one, or the full one with HOLDFAST_SOAK.
func sized(small, full int) int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return full
	}
	return small
}
