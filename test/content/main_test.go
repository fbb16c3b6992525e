package content_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/cli"
	"holdfast/internal/pgtest"
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
	flag.Parse()
	if !explicitly("test.parallel") {
		_ = flag.Set("test.parallel", parallel) // a flag that package testing has
	}
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// parallel is how many tests run at once: they wait for other processes most of the time.
const parallel = "4"

func explicitly(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
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
