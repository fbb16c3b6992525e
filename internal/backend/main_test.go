package backend_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"holdfast/internal/backend"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience bounds what a test waits for.
const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func socketOf(s *pgtest.PG) backend.Target {
	path := filepath.Join(s.Host, ".s.PGSQL."+strconv.Itoa(s.Port))
	return backend.Target{Network: "unix", Address: path, ConnectTimeout: patience}
}

func tcpOf(s *pgtest.PG, tls *backend.TLSConfig) backend.Target {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	return backend.Target{Network: "tcp", Address: address, TLS: tls, ConnectTimeout: patience}
}

func superuser(database string) backend.Login {
	return backend.Login{User: "postgres", Database: database}
}

func password(text string) scram.Credential { return scram.Credential{Password: secret.New(text)} }

// dial opens a session that is closed when the test is over.
func dial(t *testing.T, target backend.Target, l backend.Login) *backend.Conn {
	t.Helper()
	c, err := backend.Dial(within(t), target, l)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// dialFails opens a session and expects an error.
func dialFails(t *testing.T, target backend.Target, l backend.Login) *backend.Error {
	t.Helper()
	c, err := backend.Dial(within(t), target, l)
	if err == nil {
		_ = c.Close()
		t.Fatal("Dial succeeded")
	}
	var e *backend.Error
	if !errors.As(err, &e) {
		t.Fatalf("Dial: %T is no *backend.Error: %v", err, err)
	}
	return e
}

// one runs a statement and returns the first value of its first row.
func one(t *testing.T, c *backend.Conn, sql string, args ...string) string {
	t.Helper()
	row, err := c.QueryRow(within(t), sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(row) == 0 {
		t.Fatalf("%s: no column", sql)
	}
	return string(row[0])
}

// eventually waits until f reports true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	lifecycletest.Until(t, patience, what, f)
}
