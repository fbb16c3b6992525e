package daemon_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/daemon"
)

// S4-44: the first course of a machine comes with an order to read the configuration again, without a restart.
func TestAReloadBringsTheFirstSourceOfContent(t *testing.T) {
	t.Parallel()
	repository := filepath.Join(t.TempDir(), "course.git")
	if _, err := coursegen.Demo(t.Context(), repository, "sha1"); err != nil {
		t.Fatal(err)
	}
	first := configure(t)
	file := filepath.Join(t.TempDir(), "holdfast.toml")
	text := "[content]\nfree_bytes = 0\n[content.sources.physics]\ngit = " + config.Quote(repository) + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startWith(t, first, func(o *daemon.Options) {
		o.Load = func() (*config.Config, error) { return config.Load(file, os.Environ()) }
	})
	client := control.NewClient(first.Socket())
	defer client.Close()
	answer, err := control.Call[daemon.ReloadAnswer](t.Context(), client, "/v1/reload", control.Empty{})
	if err != nil || len(answer.Applied) == 0 {
		t.Fatalf("reload: %+v, %v", answer, err)
	}
	q := content.EnsureRequest{Source: "physics", Want: []string{"elements"}}
	deadline, tick := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		a, err := control.Call[content.EnsureAnswer](t.Context(), client, "/v1/content/ensure", q)
		if err == nil && a.Dir != "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 seconds: %v", err)
		}
	}
}
