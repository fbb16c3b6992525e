package console_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/console"
	"holdfast/internal/pgwire"
)

// served is a console that programs can connect to: without a password, the user "boss" being an administrator.
type served struct {
	*fakePooler
	host, port string
}

func serve(t *testing.T) *served {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{fakePooler: &fakePooler{}}
	s.host, s.port, _ = net.SplitHostPort(listener.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		listener.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				defer conn.Close()
				if err := s.session(ctx, conn); err != nil && ctx.Err() == nil {
					t.Errorf("session: %v", err)
				}
			})
		}
	})
	return s
}

// session logs a client in and serves it.
func (s *served) session(ctx context.Context, conn net.Conn) error {
	r := pgwire.NewReader(conn, messageLimit)
	for {
		body, err := r.ReadStartup()
		if errors.Is(err, io.EOF) {
			return nil // pgx comes again after a refusal of TLS
		}
		if err != nil {
			return err
		}
		start, err := pgwire.ParseStartup(body)
		if err != nil {
			return err
		}
		if start.Kind == pgwire.StartupMessage {
			user, _ := start.Param("user")
			database, _ := start.Param("database")
			return s.run(ctx, conn, r, console.Identity{User: user, Database: database, Admin: user == "boss"})
		}
		if _, err := conn.Write([]byte{'N'}); err != nil {
			return err
		}
	}
}

func (s *served) run(ctx context.Context, conn net.Conn, r *pgwire.Reader, id console.Identity) error {
	session := console.New(s, id, console.Options{Version: "0.9", PID: 42})
	out := pgwire.AppendAuthOK(nil)
	for _, p := range session.Params() {
		out = pgwire.AppendParameterStatus(out, p.Name, p.Value)
	}
	out = pgwire.AppendBackendKeyData(out, 42, []byte{1, 2, 3, 4})
	if _, err := conn.Write(pgwire.AppendReadyForQuery(out, pgwire.Idle)); err != nil {
		return err
	}
	return session.Serve(ctx, r, conn)
}

// program runs a program to its end and returns what it prints to either stream. The environment is empty but for PATH, so that
// nobody's own settings of libpq are in the way.
func program(t *testing.T, install, path string, args ...string) (string, error) {
	t.Helper()
	found, err := exec.LookPath(path)
	if err != nil {
		t.Fatalf("%s is needed for this test: %s", path, install)
	}
	cmd := exec.CommandContext(t.Context(), found, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
