package content

import (
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
)

// sourceName is what names a source: it stands in paths, in names of blobs and in addresses.
var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// shortestPoll keeps a slip of a unit from asking a git service all the time.
const shortestPoll = time.Second

// Validate reports every mistake in the table [content]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	c.checkNumbers(&p)
	c.checkSizes(&p)
	c.checkSpans(&p)
	for _, name := range slices.Sorted(maps.Keys(c.Presets)) {
		p = append(p, c.Presets[name].Validate().Under("presets."+name)...)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		if !sourceName.MatchString(name) {
			p.Add("sources."+name, `use up to 63 of a-z, 0-9, "-" and "_", as "physics101"`, "%q is no name of a source", name)
		}
		p = append(p, c.Sources[name].validate(c).Under("sources."+name)...)
	}
	return p
}

func (c Config) checkNumbers(p *fault.Problems) {
	for _, n := range []struct {
		key   string
		value int64
		least int64
		most  int64
	}{
		{"sync_parallel", int64(c.SyncParallel), 1, 64},
		{"parallel", int64(c.Parallel), 1, 256},
		{"keep_revisions", int64(c.KeepRevisions), 1, 100_000},
		{"max_chunk_files", int64(c.MaxChunkFiles), 1, 10_000_000},
		{"max_depth", int64(c.MaxDepth), 1, 1000},
		{"cache_inodes", c.CacheInodes, 1000, 1 << 40},
		{"free_inodes", c.FreeInodes, 0, 1 << 40},
		{"leases_per_machine", int64(c.LeasesPerMachine), 0, 1_000_000},
	} {
		if n.value < n.least || n.value > n.most {
			p.Add(n.key, "leave it out for the default", "%d is not between %d and %d", n.value, n.least, n.most)
		}
	}
}

func (c Config) checkSizes(p *fault.Problems) {
	if c.PartSize < 4<<10 || c.PartSize > 64<<20 {
		p.Add("part_size", `"256KiB" is usual; "1MiB" makes fewer requests and moves more bytes`, "%s is not between 4KiB and 64MiB", c.PartSize)
	}
	if c.MaxFile < 1 || c.MaxChunk < c.MaxFile {
		p.Add("max_chunk", "raise it, or lower max_file", "a chunk of %s cannot hold a file of max_file (%s)", c.MaxChunk, c.MaxFile)
	}
	if c.MaxRepository < c.MaxChunk {
		p.Add("max_repository", "raise it, or lower max_chunk", "a repository of %s cannot hold a chunk of max_chunk (%s)", c.MaxRepository, c.MaxChunk)
	}
	if c.CacheSize < 64<<20 {
		p.Add("cache_size", `"10GiB" is usual`, "%s is less than 64MiB, and would hold nothing for long", c.CacheSize)
	}
	if c.FreeBytes < 0 {
		p.Add("free_bytes", `"1GiB" is usual`, "%s is negative", c.FreeBytes)
	}
}

func (c Config) checkSpans(p *fault.Problems) {
	if c.Poll != 0 && c.Poll.D() < shortestPoll {
		p.Add("poll", `"1m" is usual; a webhook is heard at once; 0 never looks`, "%s is less than a second", c.Poll)
	}
	if c.KeepFor < 0 {
		p.Add("keep_for", `"14d" is usual`, "%s is negative", c.KeepFor)
	}
	if c.Grace.D() < time.Hour {
		p.Add("grace", `"72h" is usual: longer than any lease, render and slow sync`, "%s is less than an hour", c.Grace)
	}
	if !c.Store && !c.Sync {
		p.Add("store", "leave one of the two at true", "without the store and without syncing there is nothing that files could come from")
	}
	if c.GCEvery < 0 || c.ScrubEvery < 0 {
		p.Add("gc_every", "0 never does it", "gc_every and scrub_every are not negative")
	}
	if c.FetchStall.D() < time.Second {
		p.Add("fetch_stall", `"1m" is usual`, "%s ends fetches that go well", c.FetchStall)
	}
	if c.HookTimeout.D() < time.Second || c.HookTimeout.D() > 10*time.Minute {
		p.Add("hook_timeout", `"30s" is usual: a transaction is open meanwhile`, "%s is not between 1s and 10m", c.HookTimeout)
	}
}

func (s SourceConfig) validate(c Config) fault.Problems {
	var p fault.Problems
	switch {
	case s.Git == "":
		p.Add("git", `write its address, as "git@host:team/course.git"`, "a source needs a repository")
	case strings.HasPrefix(s.Git, "-") || strings.Contains(s.Git, "::"):
		p.Add("git", "write an ssh or https address, or a directory", "%q is no address of a repository", s.Git)
	}
	if u, err := url.Parse(s.Git); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			p.Add("git", "take the password out and write it as token_file", "the address holds a password")
		}
	}
	if s.Root != "" && (path.IsAbs(s.Root) || path.Clean(s.Root) != strings.TrimSuffix(s.Root, "/") || strings.HasPrefix(path.Clean(s.Root), "..")) {
		p.Add("root", `write the directory below the top of the repository, as "courses/physics"`, "%q is no plain path", s.Root)
	}
	if strings.HasPrefix(s.Branch, "-") || strings.ContainsAny(s.Branch, " ~^:?*[\\") {
		p.Add("branch", `write its name alone, as "main"`, "%q is no name of a branch", s.Branch)
	}
	if _, ok := c.preset(s.Preset); !ok {
		p.Add("preset", "there are "+strings.Join(c.presetNames(), ", "), "there is no preset %q", s.Preset)
	}
	for _, want := range s.Prefetch {
		if want == "" || strings.ContainsRune(want, 0) {
			p.Add("prefetch", `name chunks and profiles, as ["page:questions"]`, "%q is neither", want)
		}
	}
	oneOf(&p, "links", s.Links, revision.Reject, revision.Course)
	oneOf(&p, "submodules", s.Submodules, revision.Reject, revision.Skipped)
	oneOf(&p, "serve", s.Serve, "off", "signed", "public")
	if s.Poll != 0 && s.Poll.D() < shortestPoll {
		p.Add("poll", `"1m" is usual`, "%s is less than a second", s.Poll)
	}
	if isURL(s.Hook) {
		if u, err := url.Parse(s.Hook); err != nil || u.Host == "" {
			p.Add("hook", `write an address, as "http://127.0.0.1:5000/content-hook", or a command`, "the address of the hook is none")
		}
	}
	return p
}

// oneOf reports a value that is not empty and none of those that are known.
func oneOf(p *fault.Problems, key, value string, known ...string) {
	if value != "" && !slices.Contains(known, value) {
		p.Add(key, `write "`+strings.Join(known, `" or "`)+`"`, "%q is none of them", value)
	}
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// defaultPreset is the preset of a source that names none.
const defaultPreset = "course"

// preset returns the rules with the name: those of the configuration go before those that are built in.
func (c Config) preset(name string) (revision.Preset, bool) {
	if name == "" {
		name = defaultPreset
	}
	if p, ok := c.Presets[name]; ok {
		return p, true
	}
	p, ok := revision.Presets()[name]
	return p, ok
}

func (c Config) presetNames() []string {
	all := revision.Presets()
	maps.Copy(all, c.Presets)
	return slices.Sorted(maps.Keys(all))
}
