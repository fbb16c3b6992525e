package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func TestMain(m *testing.M) {
	if state := os.Getenv(childVariable); state != "" {
		child(state)
		return
	}
	pgtest.Main(m, goleak.Cleanup(func(code int) {
		if dir := madeOnce.place.Dir; dir != "" {
			_ = os.RemoveAll(filepath.Dir(dir))
		}
		os.Exit(code)
	}))
}

// sesame is the password of every role in these tests, easy to find where it must not be.
const sesame = "sesame-7731-open"

// settings returns a configuration that leads to the database as superuser.
func settings(d *pgtest.DB) Config {
	c := DefaultConfig()
	c.Host, c.Port, c.Name, c.Username = d.Server.Host, d.Server.Port, d.Name, d.Server.User
	return c
}

// overTCP returns a configuration that leads to a server on a TCP port, as the role app with the password sesame.
func overTCP(port int, sslmode string) Config {
	c := DefaultConfig()
	c.Host, c.Port, c.Name, c.Username = "127.0.0.1", port, "postgres", "app"
	c.Password, c.SSLMode = secret.New(sesame), sslmode
	return c
}

func connect(t *testing.T, c Config) *DB {
	t.Helper()
	db, err := Connect(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// logger writes to the test's output.
func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wantFault fails unless err has the code, a hint, and no password in any of its forms.
func wantFault(t *testing.T, err error, code string) {
	t.Helper()
	if got := fault.CodeOf(err); err == nil || got != code {
		t.Fatalf("got code %q, want %q: %v", got, code, err)
	}
	if fault.HintOf(err) == "" {
		t.Errorf("no hint: %v", err)
	}
	noPassword(t, err)
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("not one line: %v", err)
	}
}

func noPassword(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), fault.HintOf(e)} {
			if strings.Contains(text, sesame) {
				t.Errorf("the password is shown: %s", text)
			}
		}
	}
}

func seconds(n float64) unit.Duration { return unit.Duration(time.Duration(n * float64(time.Second))) }

// within runs f and fails if it took longer.
func within(t *testing.T, limit time.Duration, f func(ctx context.Context)) {
	t.Helper()
	begin := time.Now()
	f(t.Context())
	if took := time.Since(begin); took > limit {
		t.Errorf("took %s, more than %s", took, limit)
	}
}
