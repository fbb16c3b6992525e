package daemon_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/daemon"
	"holdfast/internal/secret"
)

// configure returns a configuration of loopback ports and a private PostgreSQL in a short temporary directory.
func configure(t testing.TB, env ...string) *config.Config {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil { // PostgreSQL's own account passes through
		t.Fatal(err)
	}
	key := filepath.Join(dir, "master_key")
	if err := os.WriteFile(key, []byte(secret.Generate(32).Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.None, append([]string{
		"HOLDFAST_PATHS__STATE=" + filepath.Join(dir, "state"),
		"HOLDFAST_DATABASE__MODE=private",
		"HOLDFAST_FILES__MASTER_KEY_FILE=" + key,
		"HOLDFAST_EDGE__LISTEN=127.0.0.1:0", "HOLDFAST_S3__LISTEN=127.0.0.1:0", "HOLDFAST_ADMIN__LISTEN=127.0.0.1:0",
		`HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`,
	}, env...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start runs a daemon until the test ends.
func start(t testing.TB, change func(*daemon.Options), env ...string) *daemon.Daemon {
	t.Helper()
	return startWith(t, configure(t, env...), change)
}

func startWith(t testing.TB, c *config.Config, change func(*daemon.Options)) *daemon.Daemon {
	t.Helper()
	o := daemon.Options{Config: c, Version: "test", Log: t.Output()}
	if change != nil {
		change(&o)
	}
	d := daemon.New(o)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return d
}
