package content

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

// settings are a configuration in force. They are never changed: a reload puts others in their place, and what has begun
// under the old ones ends under them.
type settings struct {
	Config
	rules map[string]*revision.Preset // by source; the same pointer as long as they are the same rules
}

func newSettings(cfg Config, before *settings) *settings {
	s := &settings{Config: cfg, rules: make(map[string]*revision.Preset, len(cfg.Sources))}
	byName := map[string]*revision.Preset{}
	for name, source := range cfg.Sources {
		rules := byName[source.Preset]
		if rules == nil {
			found, _ := cfg.preset(source.Preset) // Validate has seen that it is there
			rules = &found
			byName[source.Preset] = rules
		}
		if before != nil && before.rules[name] != nil && reflect.DeepEqual(*before.rules[name], *rules) {
			rules = before.rules[name]
		}
		s.rules[name] = rules
	}
	return s
}

// cfg returns the settings in force.
func (c *Content) cfg() *settings { return c.live.Load() }

// Reloadable are the settings of [content] that Reload takes over. The others are of what lives as long as the process: its
// cache, its socket, how much it does at the same time.
func Reloadable() []string {
	return []string{
		"sources", "presets", "poll", "keep_revisions", "keep_for", "grace", "gc_every", "scrub_every", "part_size", "max_chunk",
		"max_chunk_files", "max_depth", "max_file", "max_repository", "fetch_stall", "hook_timeout", "switch_when_warm",
	}
}

// beginLimit bounds the start of the parts when the first source comes by a reload.
const beginLimit = 30 * time.Second

// Reload takes over other settings while everything goes on. New sources are known at once, those that changed are looked
// at at once, of those that are gone nothing more is given out: their leases stay with their holders until these let go, and a
// sync under way ends as it began. A process that had no source begins to work with the first one.
func (c *Content) Reload(cfg Config) error {
	if p := cfg.Validate(); len(p) > 0 {
		return p.Err()
	}
	c.lifeMu.Lock()
	defer c.lifeMu.Unlock()
	before := c.cfg()
	now := newSettings(before.with(cfg), before)
	c.live.Store(now)
	c.consumer.reloaded(now)
	c.producer.reloaded(before, now)
	if c.begun.Load() || !c.running || len(now.Sources) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), beginLimit)
	defer cancel()
	if err := c.begin(ctx); err != nil {
		return fmt.Errorf("begin with the first source: %w", err)
	}
	return nil
}

// with returns the settings after a reload: those of next, but for what cannot change.
func (s *settings) with(next Config) Config {
	was := s.Config
	next.Enabled, next.Sync, next.Store, next.SyncParallel, next.Parallel = was.Enabled, was.Sync, was.Store, was.SyncParallel, was.Parallel
	next.CacheSize, next.CacheInodes, next.FreeBytes, next.FreeInodes = was.CacheSize, was.CacheInodes, was.FreeBytes, was.FreeInodes
	next.Group, next.Socket, next.LeasesPerMachine = was.Group, was.Socket, was.LeasesPerMachine
	next.KeepRevisions = max(next.KeepRevisions, 1)
	return next
}

// changed reports whether the sources of two configurations are not the same, secrets included.
func changed(a, b SourceConfig) bool { return !reflect.DeepEqual(a, b) }

// gone are the sources that other settings do not have any more.
func (s *settings) gone(now *settings) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Sources)) {
		if _, ok := now.Sources[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// idle reports that nothing is distributed here: no source was ever named in this life.
func (c *Content) idle() bool { return !c.begun.Load() }

// errIdle is the answer to what concerns no source in particular while there is none.
func errIdle() error {
	return fault.New(fault.NotFound, "content_no_source", "no source of content is named").
		WithHint("add one with: holdfast content add SOURCE GIT")
}
