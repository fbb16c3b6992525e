package lifecycletest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/lifecycle"
)

// broken names, in the environment of a child process, the way in which the service under stress breaks the contract.
const broken = "LIFECYCLETEST_BROKEN"

func TestMain(m *testing.M) { Main(m) }

// careless is a service that keeps no state: it starts what runs already and fails to stop what does not.
type careless struct {
	mu   sync.Mutex // protects the following
	stop chan struct{}
}

func (c *careless) Start(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = make(chan struct{})
	go func(stop chan struct{}) { <-stop }(c.stop)
	return nil
}

func (c *careless) Stop(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil {
		return errors.New("not started")
	}
	close(c.stop)
	c.stop = nil
	return nil
}

// leaky is a service that keeps the contract but for one goroutine.
type leaky struct{ *lifecycle.Loop }

func (l leaky) Start(ctx context.Context) error {
	go func() { select {} }()
	return l.Loop.Start(ctx)
}

func TestStressFindsServicesThatBreakTheContract(t *testing.T) {
	switch os.Getenv(broken) {
	case "careless":
		Stress(t, func() lifecycle.Service { return &careless{} })
		return
	case "leaky":
		nothing := func(context.Context) error { return nil }
		Stress(t, func() lifecycle.Service { return leaky{lifecycle.NewLoop(1, nothing, func(error) {})} })
		return
	}
	f := func(how, want string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), broken+"="+how)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("a %s service: %v; want a failure that says %q:\n%s", how, err, want, out)
		}
	}
	f("careless", "stop: not started")
	f("leaky", "found unexpected goroutines")
}
