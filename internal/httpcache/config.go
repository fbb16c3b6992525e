package httpcache

import (
	"fmt"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Config is the table [edge.cache]: answers of the application that are kept for others.
type Config struct {
	// Enabled switches the page cache on. Default false.
	Enabled bool `toml:"enabled"`
	// Memory is how much memory stored answers may take; as much again may be in flight. Default 64MB.
	Memory unit.Bytes `toml:"memory"`
	// Disk is how much disk stored answers may take, below paths.cache, where they survive a restart. Default 0: none.
	Disk unit.Bytes `toml:"disk"`
	// DiskFree is how much of that disk stays free for others. Default 1GB.
	DiskFree unit.Bytes `toml:"disk_free"`
	// MaxObject is the largest answer that is stored. Without disk a sixteenth of memory is the limit. Default 16MB.
	MaxObject unit.Bytes `toml:"max_object"`
	// IgnoreQuery are parameters of the query that do not matter: the application does not see them, and addresses that differ
	// by them are the same. A star at the end stands for anything: "utm_*". Default none.
	IgnoreQuery []string `toml:"ignore_query"`
	// IgnoreCookies are cookies that do not matter: the application does not see them in requests that may be stored. All other cookies keep a
	// request from the cache. A star at the end stands for anything. Default: those of statistics, "_ga", "_ga_*", "_gid", "_pk_*".
	IgnoreCookies []string `toml:"ignore_cookies"`
	// StaleWhileRevalidate is how long an answer that does not say so itself may be given after its time, while it is asked for
	// anew. Default 0.
	StaleWhileRevalidate unit.Duration `toml:"stale_while_revalidate"`
	// StaleIfError is how long an answer that does not say so itself may be given after its time when the application fails.
	// Default 0.
	StaleIfError unit.Duration `toml:"stale_if_error"`
	// Heuristics stores answers that have a Last-Modified and say nothing else, for a tenth of their age, a day at most. Default false.
	Heuristics bool `toml:"heuristics"`
	// ClientDirectives obeys Cache-Control of visitors, who can then have the application asked whenever they like. Default
	// false: only no-store and only-if-cached count.
	ClientDirectives bool `toml:"client_directives"`
	// CollapseWait is how long a visitor waits for an answer that another one asked for. Default 30s.
	CollapseWait unit.Duration `toml:"collapse_wait"`
	// Preload are paths that are asked for after the start, so that the first visitor finds them stored. Default none.
	Preload []string `toml:"preload"`
	// Sitemap is the path of a sitemap of which all pages are asked for after the start. Default none.
	Sitemap string `toml:"sitemap"`
	// PreloadConcurrency is how many are asked for at once. Default 4.
	PreloadConcurrency int `toml:"preload_concurrency"`
	// Rules are what differs for some paths; the longest path that fits counts.
	Rules []Rule `toml:"rules"`
}

// Rule is a table [[edge.cache.rules]].
type Rule struct {
	// Path is what the paths begin with that it is for.
	Path string `toml:"path"`
	// Bypass keeps the cache away from them. Default false.
	Bypass bool `toml:"bypass"`
	// TTL is how long answers are fresh that do not say anything about it themselves. Default 0: they are not stored.
	TTL unit.Duration `toml:"ttl"`
	// IgnoreQuery are further parameters that do not matter; "*" is all.
	IgnoreQuery []string `toml:"ignore_query"`
	// IgnoreCookies are further cookies that do not matter; "*" is all.
	IgnoreCookies []string `toml:"ignore_cookies"`
	// Vary are fields of requests that tell answers apart besides those that the answers name.
	Vary []string `toml:"vary"`
}

// DefaultConfig returns a cache that is switched off.
func DefaultConfig() Config {
	return Config{
		Memory: 64_000_000, DiskFree: 1_000_000_000, MaxObject: 16_000_000,
		IgnoreCookies: []string{"_ga", "_ga_*", "_gid", "_pk_*"},
		CollapseWait:  unit.Duration(30 * time.Second), PreloadConcurrency: 4,
	}
}

// Validate reports every mistake; keys are relative to the table.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if c.Memory < 1_000_000 {
		p.Add("memory", "write 1MB or more, or enabled = false", "%s hold next to nothing", c.Memory)
	}
	if c.Disk != 0 && c.Disk < 10_000_000 {
		p.Add("disk", "write 10MB or more, or 0 for none", "%s hold next to nothing", c.Disk)
	}
	if c.MaxObject <= 0 {
		p.Add("max_object", `write a size, as "16MB"`, "without a limit one answer could take all the room")
	}
	if c.DiskFree < 0 {
		p.Add("disk_free", `write a size, as "1GB"`, "a size cannot be negative")
	}
	if c.StaleWhileRevalidate < 0 || c.StaleIfError < 0 {
		p.Add("stale_if_error", "write 0 for none", "a time cannot be negative")
	}
	if c.CollapseWait <= 0 {
		p.Add("collapse_wait", `write a duration, as "30s"`, "every wait needs an end")
	}
	if c.PreloadConcurrency < 1 || c.PreloadConcurrency > 64 {
		p.Add("preload_concurrency", "write 1 to 64", "%d requests at once are none, or an attack", c.PreloadConcurrency)
	}
	if c.Sitemap != "" && !strings.HasPrefix(c.Sitemap, "/") {
		p.Add("sitemap", `write a path, as "/sitemap.xml"`, "%q is not a path", c.Sitemap)
	}
	for i, path := range c.Preload {
		if !strings.HasPrefix(path, "/") {
			p.Add(fmt.Sprintf("preload[%d]", i), `write a path, as "/"`, "%q is not a path", path)
		}
	}
	p = append(p, patterns("ignore_query", c.IgnoreQuery)...)
	p = append(p, patterns("ignore_cookies", c.IgnoreCookies)...)
	return append(p, c.validateRules()...)
}

func (c Config) validateRules() fault.Problems {
	var p fault.Problems
	seen := map[string]bool{}
	for i, r := range c.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		if !strings.HasPrefix(r.Path, "/") {
			p.Add(at+".path", `begin it with a slash; "/" is everything`, "%q is not a path", r.Path)
		} else if seen[r.Path] {
			p.Add(at+".path", "make one rule of the two", "there is another rule for %q", r.Path)
		}
		seen[r.Path] = true
		if r.TTL < 0 {
			p.Add(at+".ttl", "write 0 for none", "a time cannot be negative")
		}
		p = append(p, patterns(at+".ignore_query", r.IgnoreQuery)...)
		p = append(p, patterns(at+".ignore_cookies", r.IgnoreCookies)...)
		for _, name := range r.Vary {
			if !isToken(name) {
				p.Add(at+".vary", `write names of fields, as "Accept-Language"`, "%q is none", name)
			}
		}
	}
	return p
}

func patterns(key string, list []string) fault.Problems {
	var p fault.Problems
	for _, text := range list {
		if text == "" || strings.Contains(strings.TrimSuffix(text, "*"), "*") {
			p.Add(key, `write a name, or the beginning of names with a star behind it, as "utm_*"`, "%q is neither", text)
		}
	}
	return p
}

// isToken reports whether text can name a header field (RFC 9110 section 5.6.2).
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}
