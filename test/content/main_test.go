package content_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// actAsApp is set in the environment of processes of the test binary that are to be an application.
const actAsApp = "CONTENT_ACT_AS_APP"

func TestMain(m *testing.M) {
	if code, ran := program.Main(); ran {
		os.Exit(code)
	}
	if text := os.Getenv(actAsApp); text != "" {
		os.Exit(beApp(text))
	}
	program.Parallel("4")
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// seen is what the issue promises: a publish is seen by all processes within two seconds.
const seen = 2 * time.Second

// sized returns the size of a run: the small one, or the full one with HOLDFAST_SOAK.
func sized(small, full int) int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return full
	}
	return small
}
