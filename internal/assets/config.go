package assets

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// When the set is built.
const (
	BuildStart  = "start"  // at start
	BuildWatch  = "watch"  // at start, and whenever something changes
	BuildManual = "manual" // by command only
)

// Who gets what is built here.
const (
	ShareAuto   = "auto" // every node where the files are in S3, else nobody
	ShareAlways = "always"
	ShareNever  = "never"
)

// Config is the table [static]: the assets that come with the application.
type Config struct {
	// Root is the directory of the application's assets. Never the directory of the uploads, media.root: assets are
	// public. Default none: no assets are served.
	Root string `toml:"root"`
	// URL is the path below which browsers find the assets. Default "/static/".
	URL string `toml:"url"`
	// BaseURL is the scheme and host that stand before url in manifests and look-ups, for a CDN: "https://cdn.example.com".
	// Default none.
	BaseURL string `toml:"base_url"`
	// Output is the directory of the built set: hashed names, compressed variants, manifests. A web server can serve it
	// directly. Default: "assets" below the state directory.
	Output string `toml:"output"`
	// Build says when the set is built: "start" (at start), "watch" (at start and on every change, for development) or
	// "manual" (by "holdfast assets build" only). Default "start".
	Build string `toml:"build"`
	// Include are patterns of the files that are assets, as "css/**". Default: all.
	Include []string `toml:"include"`
	// Exclude are patterns of files that are none, besides hidden files, manifests, keys, editors' copies and sources of
	// stylesheets. Default none.
	Exclude []string `toml:"exclude"`
	// Hashed are patterns of files whose names another tool made from their content, as "assets/**". What stands in a
	// manifest of Vite, webpack, Django, Propshaft or Sprockets is known without. Default none.
	Hashed []string `toml:"hashed"`
	// MaxAge is how long browsers may use a file under its plain name without asking. Hashed names have a year. Default 0:
	// they ask each time.
	MaxAge unit.Duration `toml:"max_age"`
	// Rules give other lives to files under plain names; the first that matches counts.
	Rules []Rule `toml:"rules"`
	// Origins are sites whose pages may use fonts, modules and other files that browsers guard, as
	// "https://www.example.com", or "*". The edge's hosts, files.public_url and storage.s3.endpoint_url belong to them.
	// Default none.
	Origins []string `toml:"origins"`
	// Keep is how long names of former releases are served. Default 30d.
	Keep unit.Duration `toml:"keep"`
	// Memory bounds the files that are held in memory, the smallest first. Default 64MiB.
	Memory unit.Bytes `toml:"memory"`
	// Share says whether what is built here is served by all nodes that have the same database: "always", "never", or
	// "auto": where the files are in S3. Default "auto".
	Share string `toml:"share"`
	// PublishMaxSize is the largest asset that may be published at run time. Default 16MiB.
	PublishMaxSize unit.Bytes `toml:"publish_max_size"`
}

// Rule is a table [[static.rules]].
type Rule struct {
	// Match is a pattern of plain names, as "img/**".
	Match string `toml:"match"`
	// MaxAge is how long browsers may use the file without asking.
	MaxAge unit.Duration `toml:"max_age"`
}

// DefaultConfig returns the settings of an empty table; Output depends on paths.state.
func DefaultConfig() Config {
	return Config{
		URL: "/static/", Build: BuildStart, Share: ShareAuto,
		Keep: unit.Duration(30 * 24 * time.Hour), Memory: 64 << 20, PublishMaxSize: 16 << 20,
	}
}

// Validate reports every mistake in the table [static]; keys are relative to it. Paths are absolute by then.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if !strings.HasPrefix(c.URL, "/") || !strings.HasSuffix(c.URL, "/") || c.URL == "/" || strings.ContainsAny(c.URL, "?#{}% \\") {
		p.Add("url", `begin and end it with a slash, as "/static/"`, "%q is not a path below which assets can lie", c.URL)
	}
	if c.URL == "/m/" || c.URL == "/u/" || c.URL == "/content/" {
		p.Add("url", `write another path, as "/static/"`, "%q belongs to signed links, uploads and content", c.URL)
	}
	if c.BaseURL != "" && !isOrigin(c.BaseURL) {
		p.Add("base_url", `write scheme and host only, as "https://cdn.example.com"`, "%q is not the address of a host", c.BaseURL)
	}
	for _, o := range c.Origins {
		if o != "*" && o != "null" && !isOrigin(o) {
			p.Add("origins", `write scheme and host only, as "https://www.example.com"`, "%q is not an origin", o)
		}
	}
	c.validateChoices(&p)
	c.validatePatterns(&p)
	if c.Root != "" && c.Output != "" && (within(c.Output, c.Root) || within(c.Root, c.Output)) {
		p.Add("output", "give the built set a directory of its own, beside static.root", "%q and static.root (%s) cover each other", c.Output, c.Root)
	}
	return p
}

func (c Config) validateChoices(p *fault.Problems) {
	switch c.Build {
	case BuildStart, BuildWatch, BuildManual:
	default:
		p.Add("build", `write "start", "watch" or "manual"`, "%q is no way to build", c.Build)
	}
	switch c.Share {
	case ShareAuto, ShareAlways, ShareNever:
	default:
		p.Add("share", `write "auto", "always" or "never"`, "%q is no way to share", c.Share)
	}
	for _, s := range []struct {
		key   string
		value int64
	}{{"max_age", int64(c.MaxAge)}, {"keep", int64(c.Keep)}, {"memory", int64(c.Memory)}, {"publish_max_size", int64(c.PublishMaxSize)}} {
		if s.value < 0 {
			p.Add(s.key, "write 0 or more", "it is negative")
		}
	}
}

func (c Config) validatePatterns(p *fault.Problems) {
	lists := map[string][]string{"include": c.Include, "exclude": c.Exclude, "hashed": c.Hashed}
	for _, key := range []string{"include", "exclude", "hashed"} {
		for _, text := range lists[key] {
			if err := checkPattern(text); err != nil {
				p.Add(key, `write a path below static.root with *, ** and ?, as "css/**/*.css"`, "%q: %v", text, err)
			}
		}
	}
	for _, r := range c.Rules {
		if err := checkPattern(r.Match); err != nil {
			p.Add("rules", `write match = "img/**" and max_age = "30d"`, "match %q: %v", r.Match, err)
		} else if r.MaxAge < 0 {
			p.Add("rules", "write 0 or more", "max_age of %q is negative", r.Match)
		}
	}
}

// isOrigin reports whether a text is a scheme and a host, with a port perhaps, and no more.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		text == u.Scheme+"://"+u.Host && strings.ToLower(text) == text
}

// within reports whether path is dir or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
