package pgtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is a database for one test.
type DB struct {
	Name   string
	Server *PG
}

var serial atomic.Int64

// Database makes a fresh, empty database on the shared server.
func Database(t testing.TB) *DB {
	t.Helper()
	return Server(t).Database(t)
}

// Template makes a fresh database as a copy of one that build has filled. Build runs once in a test binary for each name;
// it is handed the connection string and must have closed its connections when it returns.
func Template(t testing.TB, name string, build func(ctx context.Context, url string) error) *DB {
	t.Helper()
	return Server(t).Template(t, name, build)
}

// Database makes a fresh, empty database on this server.
func (s *PG) Database(t testing.TB) *DB {
	t.Helper()
	return s.database(t, "template1")
}

// Template is the function of this name, on this server.
func (s *PG) Template(t testing.TB, name string, build func(ctx context.Context, url string) error) *DB {
	t.Helper()
	template := "template_" + identifier(name)
	s.mu.Lock()
	once := s.builds[template]
	if once == nil {
		once = new(sync.Once)
		s.builds[template] = once
	}
	s.mu.Unlock()
	once.Do(func() {
		err := s.exec("postgres", "CREATE DATABASE "+template)
		if err == nil {
			err = build(context.Background(), s.URL(template))
		}
		s.mu.Lock()
		s.failed[template] = err
		s.mu.Unlock()
	})
	s.mu.Lock()
	err := s.failed[template]
	s.mu.Unlock()
	if err != nil {
		t.Fatalf("pgtest: build template %q: %v", name, err)
	}
	return s.database(t, template)
}

func (s *PG) database(t testing.TB, template string) *DB {
	t.Helper()
	d := &DB{Name: fmt.Sprintf("t%d_%s", serial.Add(1), identifier(t.Name())), Server: s}
	if err := s.exec("postgres", "CREATE DATABASE "+d.Name+" TEMPLATE "+template); err != nil {
		t.Fatalf("pgtest: create database: %v\nlast lines of the server's log:\n%s", err, s.Log(50))
	}
	t.Cleanup(func() { d.finish(t) })
	return d
}

func (d *DB) finish(t testing.TB) {
	if t.Failed() {
		t.Logf("pgtest: database %s is kept", d.Name)
		if d.Server == shared.server { // a cluster tells by itself
			d.Server.tell(t)
		}
		return
	}
	if d.Server.PID() == 0 { // the test stopped it
		return
	}
	if err := d.Server.exec("postgres", "DROP DATABASE IF EXISTS "+d.Name+" WITH (FORCE)"); err != nil {
		t.Errorf("pgtest: drop database: %v", err)
	}
}

// URL returns the connection string of the database for the superuser.
func (d *DB) URL() string { return d.Server.URL(d.Name) }

// Pool opens a pool, closed when the test is over.
func (d *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), d.URL())
	if err != nil {
		t.Fatalf("pgtest: open pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Conn opens one connection, closed when the test is over.
func (d *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), d.URL())
	if err != nil {
		t.Fatalf("pgtest: connect: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs statements in the database as superuser.
func (d *DB) Exec(t testing.TB, statements ...string) {
	t.Helper()
	if err := d.Server.exec(d.Name, statements...); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// identifier makes a name that needs no quotes: lower-case letters, digits and underscores, at most 40 bytes.
func identifier(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, name)
	return clean[:min(len(clean), 40)]
}
