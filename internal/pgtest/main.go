package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// shared is the server of this test binary.
var shared struct {
	once   sync.Once
	server *PG
	err    error
}

// Server returns the one server of this test binary and starts it when it is first asked for. Tests that need a database
// of their own ask [Database]; tests that change the server ask [Cluster].
func Server(t testing.TB) *PG {
	t.Helper()
	shared.once.Do(func() {
		sweepOnce()
		shared.server, shared.err = create(defaults())
		if shared.err == nil {
			shared.err = shared.server.start()
		}
	})
	if shared.err != nil {
		t.Fatalf("pgtest: start PostgreSQL: %v", shared.err)
	}
	return shared.server
}

// Main is the body of a TestMain: it runs the tests, stops the shared server, fails if goroutines are left, and ends the
// process. Without it the server ends with the test binary all the same, and its directory is removed by a later run.
func Main(m *testing.M, opts ...goleak.Option) {
	goleak.VerifyTestMain(runner{m}, opts...)
}

type runner struct{ m *testing.M }

// Run implements goleak.TestingM.
func (r runner) Run() int {
	code := r.m.Run()
	if shared.server == nil {
		return code
	}
	if err := shared.server.close(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: stop PostgreSQL: %v\n", err)
		return max(code, 1)
	}
	return code
}
