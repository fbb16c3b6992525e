package content

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/unit"
)

func TestTheDefaultsAreValidAndOffWithoutASource(t *testing.T) {
	t.Parallel()
	c := DefaultConfig()
	if p := c.Validate(); len(p) > 0 {
		t.Errorf("the defaults: %v", p)
	}
	if c.On() {
		t.Error("content is on without a source")
	}
	c.Sources = map[string]SourceConfig{"physics101": {Git: "git@git.school.test:physics/101.git"}}
	if p := c.Validate(); len(p) > 0 || !c.On() {
		t.Errorf("with a source: on %v, %v", c.On(), p)
	}
}

func TestEveryMistakeOfTheTableIsNamed(t *testing.T) {
	t.Parallel()
	f := func(key, because string, change func(*Config, *SourceConfig)) {
		t.Helper()
		c, s := DefaultConfig(), SourceConfig{Git: "/srv/git/physics.git"}
		change(&c, &s)
		if c.Sources == nil {
			c.Sources = map[string]SourceConfig{"physics": s}
		}
		p := c.Validate()
		if len(p) != 1 || p[0].Key != key || !strings.Contains(p[0].Message, because) || p[0].Hint == "" {
			t.Errorf("%s: %v; want one mistake that says %q, with a hint", key, p, because)
		}
	}
	source := func(change func(*SourceConfig)) func(*Config, *SourceConfig) {
		return func(_ *Config, s *SourceConfig) { change(s) }
	}
	f("sync_parallel", "0 is not between", func(c *Config, _ *SourceConfig) { c.SyncParallel = 0 })
	f("parallel", "1000 is not between", func(c *Config, _ *SourceConfig) { c.Parallel = 1000 })
	f("keep_revisions", "0 is not between", func(c *Config, _ *SourceConfig) { c.KeepRevisions = 0 })
	f("part_size", "1KiB is not between", func(c *Config, _ *SourceConfig) { c.PartSize = 1 << 10 })
	f("max_chunk", "cannot hold a file", func(c *Config, _ *SourceConfig) { c.MaxChunk = 1 << 20 })
	f("max_repository", "cannot hold a chunk", func(c *Config, _ *SourceConfig) { c.MaxRepository = 1 << 20 })
	f("cache_size", "less than 64MiB", func(c *Config, _ *SourceConfig) { c.CacheSize = 1 })
	f("poll", "less than a second", func(c *Config, _ *SourceConfig) { c.Poll = 5 })
	f("grace", "less than an hour", func(c *Config, _ *SourceConfig) { c.Grace = unit.Duration(time.Minute) })
	f("keep_for", "is negative", func(c *Config, _ *SourceConfig) { c.KeepFor = -1 })
	f("hook_timeout", "is not between", func(c *Config, _ *SourceConfig) { c.HookTimeout = unit.Duration(time.Hour) })
	f("fetch_stall", "fetches that go well", func(c *Config, _ *SourceConfig) { c.FetchStall = 1 })
	f("sources.Physics 101", "no name of a source", func(c *Config, s *SourceConfig) {
		c.Sources = map[string]SourceConfig{"Physics 101": *s}
	})
	f("sources.physics.git", "needs a repository", source(func(s *SourceConfig) { s.Git = "" }))
	f("sources.physics.git", "no address", source(func(s *SourceConfig) { s.Git = "ext::sh -c touch" }))
	f("sources.physics.git", "holds a password", source(func(s *SourceConfig) { s.Git = "https://me:pass@git.school.test/a.git" }))
	f("sources.physics.root", "no plain path", source(func(s *SourceConfig) { s.Root = "../other" }))
	f("sources.physics.branch", "no name of a branch", source(func(s *SourceConfig) { s.Branch = "--upload-pack=x" }))
	f("sources.physics.preset", "no preset", source(func(s *SourceConfig) { s.Preset = "curse" }))
	f("sources.physics.links", "none of them", source(func(s *SourceConfig) { s.Links = "all" }))
	f("sources.physics.submodules", "none of them", source(func(s *SourceConfig) { s.Submodules = "fetch" }))
	f("sources.physics.serve", "none of them", source(func(s *SourceConfig) { s.Serve = "private" }))
	f("sources.physics.poll", "less than a second", source(func(s *SourceConfig) { s.Poll = 3 }))
	f("sources.physics.hook", "is none", source(func(s *SourceConfig) { s.Hook = "http://" }))
}
