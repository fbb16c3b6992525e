package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/secret"
)

func start(t *testing.T, s *PrivateServer) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
}

func stop(t *testing.T, s *PrivateServer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, s *PrivateServer) *DB {
	t.Helper()
	c, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, c)
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// Row S0-33: what was stored is found again after a restart. S2-28, S1-81: nothing listens in public, secrets are generated.
func TestAPrivateServerIsMadePrivateAndFindsItsRowsAgain(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	if _, err := PrivateConfig(DefaultConfig(), place); fault.CodeOf(err) != "private_missing" {
		t.Fatalf("a server that was never made: %v", err)
	}
	s := NewPrivateServer(DefaultConfig(), place, logger(t), nil)
	start(t, s)
	db := open(t, s)
	for name, want := range map[string]string{
		"data_checksums": "on", "fsync": "on", "password_encryption": "scram-sha-256", "listen_addresses": "", "server_encoding": "UTF8",
		"max_connections": "40", "shared_buffers": "128MB",
	} {
		var got string
		if err := db.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
	if n := number(t, db, "SELECT count(*) FROM pg_roles WHERE rolname = 'app' AND NOT rolsuper AND NOT rolcreaterole AND NOT rolcreatedb"); n != 1 {
		t.Error("the role app has rights that an application does not need")
	}
	if n := number(t, db, `SELECT count(*) WHERE 'a' > 'B' AND 'ä' > 'z'`); n != 1 {
		t.Error("the order is not that of C.UTF-8")
	}
	for path, want := range map[string]fs.FileMode{
		place.Dir: 0o711, place.data(): 0o700, place.run(): 0o755, place.Secrets: 0o700, place.superuserFile(): 0o600, place.roleFile(): 0o600,
	} {
		if got := mode(t, path); got != want {
			t.Errorf("%s has mode %04o, want %04o", path, got, want)
		}
	}
	checkOwners(t, s)
	if err := db.Migrate(t.Context(), "things", migrations(makeTable)); err != nil {
		t.Fatal(err)
	}
	db.Close()
	stop(t, s)
	if s.PID() != 0 {
		t.Error("the server runs after Stop")
	}
	again := NewPrivateServer(DefaultConfig(), place, logger(t), nil)
	start(t, again)
	if n := number(t, open(t, again), "SELECT n FROM holdfast.things"); n != 7 {
		t.Errorf("after a restart: %d", n)
	}
}

// checkOwners makes sure that a server started by root runs as somebody else, who owns data and run and nothing more.
func checkOwners(t *testing.T, s *PrivateServer) {
	t.Helper()
	owner := func(path string) uint32 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Uid
	}
	server := owner(fmt.Sprintf("/proc/%d", s.PID()))
	if server == 0 {
		t.Error("PostgreSQL runs as root")
	}
	for path, want := range map[string]uint32{
		s.place.data(): server, s.place.run(): server, s.place.Dir: uint32(os.Geteuid()), s.place.hba(): uint32(os.Geteuid()),
		s.place.config(): uint32(os.Geteuid()), s.place.superuserFile(): uint32(os.Geteuid()),
	} {
		if got := owner(path); got != want {
			t.Errorf("%s belongs to uid %d, want %d", path, got, want)
		}
	}
}

// reports collects what a server reports.
type reports struct {
	mu   sync.Mutex // protects the following
	list []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, err)
}

func (r *reports) last() (count int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return 0, nil
	}
	return len(r.list), r.list[len(r.list)-1]
}

func TestAPrivateServerThatIsKilledIsReportedAndStartedAgain(t *testing.T) {
	t.Parallel()
	var heard reports
	s := NewPrivateServer(privateSettings(), madePlace(t), logger(t), heard.add)
	start(t, s)
	db := open(t, s)
	if err := db.Migrate(t.Context(), "things", migrations(makeTable)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := s.PID()
		if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		lifecycletest.Eventually(t, 20*time.Second, func() error {
			if n, last := heard.last(); n < 2 || last != nil {
				return fmt.Errorf("%d reports, last: %w", n, last)
			}
			if pid := s.PID(); pid == 0 || pid == before {
				return fmt.Errorf("pid %d, before it was %d", pid, before)
			}
			return nil
		})
		if n := number(t, db, "SELECT n FROM holdfast.things"); n != 7 {
			t.Errorf("a committed row is %d", n)
		}
	}
	heard.mu.Lock()
	defer heard.mu.Unlock()
	if first := heard.list[0]; !strings.Contains(first.Error(), "signal: killed") {
		t.Errorf("the report does not say how it ended: %v", first)
	}
}

func TestOnlyOneHoldfastRunsAPlace(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	start(t, NewPrivateServer(privateSettings(), place, logger(t), nil))
	err := NewPrivateServer(privateSettings(), place, logger(t), nil).Start(t.Context())
	wantFault(t, err, "private_in_use")
}

func TestAPrivateServerCanBeStoppedAtAnyMomentAndByManyAtOnce(t *testing.T) {
	t.Parallel()
	s := NewPrivateServer(privateSettings(), madePlace(t), logger(t), nil)
	stop(t, s) // before it was started
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = s.Start(ctx) }) // either outcome is right
		for range 4 {
			all.Go(func() { stop(t, s) })
		}
		cancel()
		all.Wait()
		stop(t, s)
		if s.PID() != 0 {
			t.Fatal("the server runs after Stop")
		}
		if left, err := processesOn(s.place.data(), s.account); err != nil || len(left) > 0 {
			t.Fatalf("processes are left: %v, %v", left, err)
		}
	}
	start(t, s)
}

func TestStopDoesNotWaitForClientsForEver(t *testing.T) {
	t.Parallel()
	s := NewPrivateServer(privateSettings(), madePlace(t), logger(t), nil)
	start(t, s)
	conn, err := open(t, s).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	sleeping := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(20)")
		sleeping <- err
	}()
	within(t, 10*time.Second, func(context.Context) { stop(t, s) })
	if err := <-sleeping; err == nil {
		t.Error("the statement outlived the server")
	}
}

func TestTheSuperusersPasswordIsNotReplacedWhenItIsLost(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	if err := os.Remove(place.superuserFile()); err != nil {
		t.Fatal(err)
	}
	wantFault(t, NewPrivateServer(privateSettings(), place, logger(t), nil).Start(t.Context()), "private_password_lost")
}

func TestADataDirectoryOfAnotherMajorIsNeverTouched(t *testing.T) {
	t.Parallel()
	place := madePlace(t)
	version := filepath.Join(place.data(), "PG_VERSION")
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := mode(t, place.data())
	err := NewPrivateServer(privateSettings(), place, logger(t), nil).Start(t.Context())
	wantFault(t, err, "private_version")
	if !strings.Contains(fault.HintOf(err), "pg_dumpall") || !strings.Contains(err.Error(), "belongs to PostgreSQL 9") {
		t.Errorf("does not say how to upgrade: %v → %s", err, fault.HintOf(err))
	}
	if b, err := os.ReadFile(version); err != nil || string(b) != "9\n" || mode(t, place.data()) != before {
		t.Error("the directory was changed")
	}
}

func TestADirectoryThatIsNoDataDirectoryIsNeverTouched(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	if err := os.MkdirAll(place.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(place.data(), "thesis.txt")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFault(t, NewPrivateServer(privateSettings(), place, logger(t), nil).Start(t.Context()), "private_not_data")
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
}

func TestWhatAnInterruptedCreationLeftIsRemoved(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	half := filepath.Join(place.Dir, building+"1")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond) // initdb takes longer
	defer cancel()
	s := NewPrivateServer(privateSettings(), place, logger(t), nil)
	if err := s.Start(ctx); err == nil {
		t.Fatal("initdb was faster than 50 ms: shorten the limit")
	}
	if _, err := os.Stat(place.data()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an interrupted creation left a data directory: %v", err)
	}
	start(t, s)
	for _, pattern := range []string{building + "*", pwFile + "*"} {
		if left, err := filepath.Glob(filepath.Join(place.Dir, pattern)); err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	}
}

func TestAServerMayListenOnLoopback(t *testing.T) {
	t.Parallel()
	c := privateSettings()
	c.Private.Listen = fmt.Sprintf("127.0.0.1:%d", unusedPort(t))
	s := NewPrivateServer(c, madePlace(t), logger(t), nil)
	start(t, s)
	byTCP, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	byTCP.Host = "127.0.0.1"
	byTCP.Name = "app"
	if n := number(t, connect(t, byTCP), "SELECT 7"); n != 7 {
		t.Error(n)
	}
	byTCP.Password = secret.New(sesame + "x")
	_, err = Connect(t.Context(), byTCP)
	wantFault(t, err, "database_password")
	if n := number(t, open(t, s), "SELECT 7"); n != 7 { // the socket works as before
		t.Error(n)
	}
}
