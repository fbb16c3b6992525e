package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheFilesThatAConfigurationNamesAreListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	master, hook, users := write("master", "q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5"), write("hook", "q2w4e6r8t1y3u5i7"), write("users.txt", "")
	token := write("token", "q2w4e6r8t1y3u5i7o9p2")
	path := write("holdfast.toml", `
[paths]
state = "data"
[files]
master_key_file = "master"
[database]
host = "db.example.org"
name = "journal"
username = "journal"
sslmode = "disable"
[database.auth]
file = "users.txt"
[content.sources.physics]
git = "https://git.example.org/physics.git"
webhook_secret_file = "hook"
`)
	cfg, err := Load(path, []string{"HOLDFAST_ADMIN__TOKEN_FILE=" + token, "HOLDFAST_LOG__LEVEL=info", "HOLDFAST_CONTENT_SOCKET=/run/x", "PATH=/bin"})
	if err != nil {
		t.Fatal(err)
	}
	want := []NamedFile{{"content.sources.physics.webhook_secret", hook}, {"files.master_key", master}, {"database.auth.file", users}}
	if got := cfg.NamedFiles(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := cfg.Variables(); !slices.Equal(got, []string{"HOLDFAST_ADMIN__TOKEN_FILE", "HOLDFAST_LOG__LEVEL"}) {
		t.Errorf("variables: %q", got)
	}
	if at, files, err := cfg.ConfigFiles(); err != nil || at != dir || !slices.Equal(files, []string{path}) {
		t.Errorf("%s, %v, %v", at, files, err)
	}
}
