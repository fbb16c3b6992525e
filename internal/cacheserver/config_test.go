package cacheserver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/cacheserver"
	"holdfast/internal/secret"
)

func TestMistakesInTheSettingsAreNamed(t *testing.T) {
	t.Parallel()
	if p := cacheserver.DefaultConfig().Validate(); len(p) > 0 {
		t.Errorf("the defaults: %v", p)
	}
	for key, change := range map[string]func(*cacheserver.Config){
		"listen":       func(c *cacheserver.Config) { c.Listen = "10.0.0.5:6380" },
		"listen ":      func(c *cacheserver.Config) { c.Listen = ":6380" },
		"listen  ":     func(c *cacheserver.Config) { c.Listen = "unix:/run/x.sock" },
		"tls_cert":     func(c *cacheserver.Config) { c.TLSCert = "only.pem" },
		"password":     func(c *cacheserver.Config) { c.Password = secret.New("short") },
		"max_memory":   func(c *cacheserver.Config) { c.MaxMemory, c.MaxValue = 5, 2 },
		"max_value":    func(c *cacheserver.Config) { c.MaxValue = c.MaxMemory },
		"max_clients":  func(c *cacheserver.Config) { c.MaxClients = 0 },
		"idle_timeout": func(c *cacheserver.Config) { c.IdleTimeout = -1 },
		"redis":        func(c *cacheserver.Config) { c.Redis = "redis://user:word@host:6379" },
		"redis ":       func(c *cacheserver.Config) { c.Redis = "http://host" },
		"redis  ":      func(c *cacheserver.Config) { c.Redis = "redis://192.0.2.7:6379" },
		"redis   ":     func(c *cacheserver.Config) { c.Redis = "redis://10.0.0.1:6379/3" },
	} {
		c := cacheserver.DefaultConfig()
		change(&c)
		p := c.Validate()
		if len(p) == 0 || p[0].Key != strings.TrimSpace(key) {
			t.Errorf("%s: %v", key, p)
		}
		if strings.Contains(p.Error(), "word@") {
			t.Errorf("a password is shown: %v", p)
		}
	}
}

func TestAPasswordIsMadeOnceAndKeptPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := cacheserver.Password(cacheserver.Config{}, dir)
	if err != nil || len(first.Reveal()) < 20 {
		t.Fatal(err)
	}
	again, err := cacheserver.Password(cacheserver.Config{}, dir)
	if err != nil || again.Reveal() != first.Reveal() {
		t.Errorf("another one: %v", err)
	}
	path := filepath.Join(dir, "cache-password")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := cacheserver.Password(cacheserver.Config{}, dir); err == nil || strings.Contains(err.Error(), first.Reveal()) {
		t.Errorf("a file that others can read: %v", err)
	}
	own, err := cacheserver.Password(cacheserver.Config{Password: secret.New("of the configuration")}, dir)
	if err != nil || own.Reveal() != "of the configuration" {
		t.Error(err)
	}
}
