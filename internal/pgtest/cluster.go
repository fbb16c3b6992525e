package pgtest

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// Cluster starts a server for this test alone and stops it when the test is over. Its methods Stop, Kill, Start, Restart
// and Reload act on it meanwhile.
func Cluster(t testing.TB, opts ...Option) *PG {
	t.Helper()
	sweepOnce()
	o := defaults()
	for _, opt := range opts {
		opt(o)
	}
	s, err := create(o)
	return run(t, s, err)
}

// run starts a server that was created for a test, err being what became of that.
func run(t testing.TB, s *PG, err error) *PG {
	t.Helper()
	if s != nil {
		t.Cleanup(func() { s.finish(t) })
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatalf("pgtest: start PostgreSQL: %v", err)
	}
	return s
}

func (s *PG) finish(t testing.TB) {
	if t.Failed() {
		s.tell(t)
	}
	if err := s.close(); err != nil {
		t.Errorf("pgtest: stop PostgreSQL: %v", err)
	}
}

// tell shows a failed test what the server said, and keeps its directory.
func (s *PG) tell(t testing.TB) {
	if size := s.logSize(); s.told.Swap(size) != size { // not once for each of a test's databases
		t.Logf("pgtest: last lines of the server's log:\n%s", s.Log(50))
	}
	if err := s.dir.keep(); err != nil {
		t.Logf("pgtest: keep the server's directory: %v", err)
		return
	}
	t.Logf("pgtest: the server's directory is kept for a day; to look into it run, not as root:\n\t%s/postgres -D %s -k %s -h ''",
		s.release.bin, s.dir.data(), s.dir.path)
}

// close ends the server at once and gives up its directory.
func (s *PG) close() error {
	if err := s.signal(syscall.SIGQUIT); err != nil {
		return err
	}
	return s.dir.remove()
}

// Stop shuts the server down: clients are disconnected, and what is committed is written ("fast" shutdown).
func (s *PG) Stop(t testing.TB) {
	t.Helper()
	if err := s.signal(syscall.SIGINT); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Kill kills the postmaster with SIGKILL. Its backends notice and end by themselves a moment later.
func (s *PG) Kill(t testing.TB) {
	t.Helper()
	if err := s.signal(syscall.SIGKILL); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// Start starts a server that was stopped or killed, with the options it had and those given, on the same port.
func (s *PG) Start(t testing.TB, opts ...Option) {
	t.Helper()
	if s.PID() != 0 {
		t.Fatalf("pgtest: start PostgreSQL: it runs already")
	}
	for _, opt := range opts {
		opt(s.opt)
	}
	err := s.writeHBA()
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatalf("pgtest: start PostgreSQL: %v", err)
	}
}

// Restart stops the server politely and starts it again.
func (s *PG) Restart(t testing.TB, opts ...Option) {
	t.Helper()
	s.Stop(t)
	s.Start(t, opts...)
}

// Standby makes the stopped server start as a replica that follows nobody, until it is promoted.
func (s *PG) Standby(t testing.TB) {
	t.Helper()
	path := filepath.Join(s.dir.data(), "standby.signal")
	err := os.WriteFile(path, nil, 0o600)
	if err == nil && s.cred != nil {
		err = os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
	}
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// SetHBA replaces pg_hba.conf by the lines and has the server read it. New connections meet the new rules.
func (s *PG) SetHBA(t testing.TB, lines ...string) {
	t.Helper()
	s.opt.hba = lines
	if err := s.writeHBA(); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s.Exec(t, "SELECT pg_reload_conf()")
}

var sweepOnce = sync.OnceFunc(sweep)
