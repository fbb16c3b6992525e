package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	benchUser    = "bench" // role and database
	directLimit  = 1100    // max_connections: a thousand clients without a pooler, too
	copyRows     = 400_000
	copyRowBytes = 1_000 // of a row of COPY, its end included
)

// pgServer is the PostgreSQL behind all poolers: by TCP for clients without one, by Unix socket for the poolers.
type pgServer struct {
	*process
	dir  string // of the socket
	port string
	bin  string // with pgbench and psql
	as   *syscall.Credential
}

// startPostgres makes a data directory, starts the server and fills it.
func startPostgres(ctx context.Context, dir string) (*pgServer, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &pgServer{dir: filepath.Join(dir, "pg"), as: as, bin: postgresPrograms()}
	_, s.port, _ = net.SplitHostPort(addr)
	if err := s.own(s.dir); err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	initdb := exec.CommandContext(ctx, s.program("initdb"), "-D", data, "-U", benchUser, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	initdb.Dir, initdb.SysProcAttr = "/", &syscall.SysProcAttr{Credential: as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s.process, err = runAs(as, dir, "postgres", addr, nil, s.program("postgres"), "-D", data, "-k", s.dir, "-p", s.port,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections="+strconv.Itoa(directLimit), "-c", "shared_buffers=256MB",
		"-c", "autovacuum=off", "-c", "max_wal_size=4GB")
	if err != nil {
		return nil, err
	}
	if err := s.fill(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// fill makes the database, pgbench's tables, and the table for COPY.
func (s *pgServer) fill(ctx context.Context) error {
	if err := s.await(ctx); err != nil {
		return err
	}
	at := []string{"-h", s.dir, "-p", s.port, "-U", benchUser}
	for _, sql := range []string{"CREATE DATABASE " + benchUser} {
		if _, err := output(ctx, s.program("psql"), append(at, "-d", "postgres", "-qXc", sql)...); err != nil {
			return err
		}
	}
	if _, err := output(ctx, s.program("pgbench"), append(at, "-i", "-q", "-s", "1", benchUser)...); err != nil {
		return err
	}
	sql := fmt.Sprintf("CREATE UNLOGGED TABLE wide AS SELECT repeat('x', %d) AS text FROM generate_series(1, %d)", copyRowBytes-1, copyRows)
	_, err := output(ctx, s.program("psql"), append(at, "-d", benchUser, "-qXc", sql, "-c", "VACUUM FREEZE ANALYZE")...)
	return err
}

func (s *pgServer) await(ctx context.Context) error {
	for deadline := time.Now().Add(30 * time.Second); ; {
		_, err := output(ctx, s.program("pg_isready"), "-q", "-h", s.dir, "-p", s.port)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *pgServer) program(name string) string { return filepath.Join(s.bin, name) }

// own makes a directory for the account that PostgreSQL and PgBouncer run as.
func (s *pgServer) own(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil || s.as == nil {
		return err
	}
	return os.Chown(dir, int(s.as.Uid), int(s.as.Gid))
}

// postgresPrograms returns the directory with PostgreSQL's programs; Debian keeps most off PATH.
func postgresPrograms() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // the pattern is right
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	path, _ := exec.LookPath("pgbench")
	return filepath.Dir(path)
}

// unprivileged returns the account for programs that refuse to run as root, nil if we are not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL and PgBouncer do not run as root: %w", err)
	}
	uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uerr, gerr)
}

// firstLine returns the first line that a program prints.
func firstLine(program string, args ...string) string {
	out, _ := exec.Command(program, args...).CombinedOutput() // without the program the line is empty
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}
