package pgtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Replica starts a server that follows the primary by streaming replication, over the primary's socket unless the setting
// primary_conninfo says otherwise. It is stopped when the test is over.
func Replica(t testing.TB, primary *PG, opts ...Option) *PG {
	t.Helper()
	o := defaults()
	for _, opt := range opts {
		opt(o)
	}
	s, err := createBy(o, func(s *PG) error { return s.baseBackup(primary) })
	return run(t, s, err)
}

// baseBackup copies the data directory of a running server, and has the copy follow it.
func (s *PG) baseBackup(primary *PG) error {
	cmd := exec.Command(filepath.Join(s.release.bin, "pg_basebackup"),
		"-D", s.dir.data(), "-h", primary.Host, "-p", strconv.Itoa(primary.Port), "-U", primary.User,
		"--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Promote makes the replica a primary, on a timeline of its own, and returns when it is.
func (s *PG) Promote(t testing.TB) {
	t.Helper()
	s.Exec(t, "SELECT pg_promote(true, 30)")
}

// Follow has a running replica follow another server.
func (s *PG) Follow(t testing.TB, primary *PG) {
	t.Helper()
	conninfo := fmt.Sprintf("host=%s port=%d user=%s", primary.Host, primary.Port, primary.User)
	s.Exec(t, "ALTER SYSTEM SET primary_conninfo = '"+conninfo+"'", "SELECT pg_reload_conf()")
}
