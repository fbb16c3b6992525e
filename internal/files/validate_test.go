package files

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func TestTheDefaultsAreValid(t *testing.T) {
	t.Parallel()
	if p := DefaultConfig().Validate(); len(p) > 0 {
		t.Error(p)
	}
}

func TestEveryMistakeIsNamedByItsKeyWithAHint(t *testing.T) {
	t.Parallel()
	f := func(key string, change func(*Config)) {
		t.Helper()
		c := DefaultConfig()
		change(&c)
		p := c.Validate()
		if len(p) != 1 || p[0].Key != key || p[0].Hint == "" {
			t.Errorf("%s: got %v", key, p)
		}
	}
	bucket := func(b BucketConfig) func(*Config) {
		return func(c *Config) { c.Buckets = map[string]BucketConfig{"papers": b} }
	}
	f("master_key", func(c *Config) { c.MasterKey = secret.New("changeme") })
	f("master_key", func(c *Config) { c.MasterKey = secret.New("k4j2h5g3f6") })
	f("public_url", func(c *Config) { c.PublicURL = "files.example.com" })
	f("public_url", func(c *Config) { c.PublicURL = "https://example.com/files" })
	f("link_ttl", func(c *Config) { c.LinkTTL = c.LinkMaxTTL + unit.Duration(time.Second) })
	f("link_ttl", func(c *Config) { c.LinkTTL = 0 })
	f("link_window", func(c *Config) { c.LinkWindow = c.LinkMaxTTL + 1 })
	f("link_window", func(c *Config) { c.LinkWindow = -1 })
	f("link_max_ttl", func(c *Config) { c.LinkMaxTTL = unit.Duration(400 * day) })
	f("session_cookie", func(c *Config) { c.SessionCookie = "session id" })
	f("sql_signers", func(c *Config) { c.SQLSigners = []string{"app", "PUBLIC"} })
	f("abort_uploads_after", func(c *Config) { c.AbortUploadsAfter = 0 })
	f("trash_keep", func(c *Config) { c.TrashKeep = -1 })
	f("memory_cache", func(c *Config) { c.MemoryCache = -1 })
	f("buckets.Papers", func(c *Config) { c.Buckets = map[string]BucketConfig{"Papers": {}} })
	f("buckets.192.168.0.1", func(c *Config) { c.Buckets = map[string]BucketConfig{"192.168.0.1": {}} })
	f("buckets.papers.max_size", bucket(BucketConfig{MaxSize: -1}))
	f("buckets.papers.keep_versions", bucket(BucketConfig{KeepVersions: 3}))
	f("buckets.papers.types", bucket(BucketConfig{Types: []string{"image/*", "pdf"}}))
	f("buckets.papers.inline", bucket(BucketConfig{Inline: []string{"text/html; charset=utf-8"}}))
	f("buckets.papers.inline", bucket(BucketConfig{Inline: []string{"text/html"}, Public: true}))
	f("buckets.papers.origins", bucket(BucketConfig{Origins: []string{"https://app.example.com/"}}))
	f("buckets.papers.resources", bucket(BucketConfig{Resources: []string{"*"}}))
}

func TestAProblemNeverShowsASecret(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	c.MasterKey = secret.New("changeme-changeme")
	if text := c.Validate().Error(); strings.Contains(text, "changeme") {
		t.Error(text)
	}
}
