package e2e_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"holdfast/internal/lifecycle/lifecycletest"
)

// descriptors is how many files a process has open.
func descriptors(t *testing.T, pid int) uint64 {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return uint64(len(entries))
}

// limitDescriptors sets how many files a process may have open, and returns what it was.
func limitDescriptors(t *testing.T, pid int, soft uint64) uint64 {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: soft, Max: before.Max}, nil); err != nil {
		t.Fatal(err)
	}
	return before.Cur
}

// works checks that a connection answers.
func works(t *testing.T, c *pgx.Conn) {
	t.Helper()
	var one int
	if err := c.QueryRow(t.Context(), "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Fatal(err)
	}
}

// occupy takes the descriptors that come free meanwhile.
func occupy(t *testing.T, address string) {
	t.Helper()
	for range 20 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

// Trap 22: a process without descriptors (EMFILE) lets nobody in for a while and does not spin, takes nothing for a server that is down,
// and goes on as soon as there are some: who is connected works all the time.
func TestTrap22APoolerWithoutDescriptorsWaitsForSome(t *testing.T) {
	t.Parallel()
	site := newSite(t, nil)
	n := site.serve()
	var env map[string]string
	site.Ask(&env, "env", "--no-s3")
	connect := func(limit time.Duration) (*pgx.Conn, error) {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		return pgx.Connect(ctx, env["DATABASE_URL"])
	}
	first, err := connect(noticed)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(context.WithoutCancel(t.Context()))
	works(t, first)
	began := time.Now()
	before := limitDescriptors(t, n.process.PID, descriptors(t, n.process.PID))
	occupy(t, n.postgres)
	const complaint = "too many open files"
	waiting := make(chan error, 1)
	go func() { // waited for below
		late, err := connect(2 * time.Minute)
		if err == nil {
			err = late.Close(context.WithoutCancel(t.Context()))
		}
		waiting <- err
	}()
	if _, err := n.process.Err.Await(complaint, time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		works(t, first)
	}
	limitDescriptors(t, n.process.PID, before)
	span := time.Since(began)
	if err := <-waiting; err != nil {
		t.Errorf("who came meanwhile: %v; want to be let in", err)
	}
	if times := strings.Count(n.process.Err.String(), complaint); times > 10*int(span/time.Second+2) {
		t.Errorf("%d complaints in %s: it spins", times, span)
	}
	lifecycletest.Eventually(t, noticed, func() error {
		c, err := connect(noticed)
		if err != nil {
			return err
		}
		works(t, c)
		return c.Close(t.Context())
	})
	if said := n.process.Err.String(); strings.Contains(said, "57P03") || strings.Contains(said, "PostgreSQL does not answer") {
		t.Errorf("a server was taken for down:\n%s", said)
	}
	_ = first.Close(t.Context())
	n.process.Signal(syscall.SIGTERM)
	if code := n.process.Wait(stopLimit); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}
