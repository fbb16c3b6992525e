package e2e_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

func TestMain(m *testing.M) {
	if code, ran := program.Main(); ran {
		os.Exit(code)
	}
	program.Parallel("6")
	pgtest.Main(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// stopLimit is for the end of a daemon.
const stopLimit = 60 * time.Second

// soak reports whether the long runs are asked for.
func soak() bool { return os.Getenv("HOLDFAST_SOAK") != "" }
