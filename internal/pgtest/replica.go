package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
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

// baseBackup copies the data directory of a running server, and has the copy follow it (PostgreSQL manual, "Making a Base Backup
// Using the Low Level API"). Packages of PostgreSQL for programs come without pg_basebackup.
func (s *PG) baseBackup(primary *PG) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, primary.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) // the end of the session would end the backup
	begin, end := "SELECT pg_backup_start('replica', true)", "SELECT labelfile FROM pg_backup_stop(false)"
	if primary.Major < 15 {
		begin, end = "SELECT pg_start_backup('replica', true, false)", "SELECT labelfile FROM pg_stop_backup(false, false)"
	}
	if _, err := conn.Exec(ctx, begin); err != nil {
		return fmt.Errorf("begin the backup: %w", err)
	}
	if err := s.copyRunning(primary); err != nil {
		return fmt.Errorf("copy the data directory: %w", err)
	}
	var label string
	if err := conn.QueryRow(ctx, end).Scan(&label); err != nil {
		return fmt.Errorf("end the backup: %w", err)
	}
	leader := fmt.Sprintf("primary_conninfo = 'host=%s port=%d user=%s'\n", primary.Host, primary.Port, primary.User)
	for name, text := range map[string]string{"backup_label": label, "standby.signal": "", "postgresql.auto.conf": leader} {
		if err := s.put(name, text); err != nil {
			return err
		}
	}
	return nil
}

// put writes a file of the data directory.
func (s *PG) put(name, text string) error {
	path := filepath.Join(s.dir.data(), name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && s.cred != nil {
		err = os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
	}
	return err
}

// copyRunning copies the files of a server that goes on writing them: what changes meanwhile is in the WAL, and some vanish.
func (s *PG) copyRunning(primary *PG) error {
	from := primary.dir.data()
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, wrong := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || wrong != nil:
			return errors.Join(err, wrong)
		case e.IsDir() && strings.HasPrefix(e.Name(), "pgsql_tmp"):
			return fs.SkipDir
		case e.IsDir():
			return s.makeDir(rel)
		case !e.Type().IsRegular() || e.Name() == "postmaster.pid" || e.Name() == "postmaster.opts":
			return nil
		}
		switch top, _, _ := strings.Cut(rel, string(filepath.Separator)); top {
		case "pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans":
			return nil // what is there belongs to the running server
		}
		if err = s.copyOne(path, rel); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

func (s *PG) makeDir(rel string) error {
	path := filepath.Join(s.dir.data(), rel)
	err := os.MkdirAll(path, 0o700)
	if err == nil && s.cred != nil {
		err = os.Chown(path, int(s.cred.Uid), int(s.cred.Gid))
	}
	return err
}

func (s *PG) copyOne(path, rel string) error {
	target := filepath.Join(s.dir.data(), rel)
	err := copyFile(path, target)
	if err == nil && s.cred != nil {
		err = os.Chown(target, int(s.cred.Uid), int(s.cred.Gid))
	}
	return err
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
