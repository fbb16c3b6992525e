package files

import (
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

const (
	day           = 24 * time.Hour
	longestLink   = 366 * day
	shortestKey   = 16 // bytes of a master key
	maxIdentifier = 63 // bytes of a PostgreSQL name
)

// DefaultConfig returns the settings of a store without declared buckets.
func DefaultConfig() Config {
	return Config{
		LinkTTL:           unit.Duration(time.Hour),
		LinkWindow:        unit.Duration(15 * time.Minute),
		LinkMaxTTL:        unit.Duration(7 * day),
		AbortUploadsAfter: unit.Duration(day),
		TrashKeep:         unit.Duration(14 * day),
		MemoryCache:       32 << 20,
	}
}

// Validate reports every mistake in the table [files]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	c.checkSecret(&p)
	c.checkLinks(&p)
	if c.PublicURL != "" && !isOrigin(strings.TrimSuffix(c.PublicURL, "/")) {
		p.Add("public_url", `write scheme and host only, as "https://files.example.com"`, "%q is not the root of a site", c.PublicURL)
	}
	for _, role := range c.SQLSigners {
		if role == "" || len(role) > maxIdentifier || strings.EqualFold(role, "public") {
			p.Add("sql_signers", "name the roles of the application; everybody is not offered", "%q is not a role that may sign links", role)
		}
	}
	if c.AbortUploadsAfter.D() < time.Minute {
		p.Add("abort_uploads_after", `"24h" is usual`, "%s ends uploads that are still running", c.AbortUploadsAfter)
	}
	if c.TrashKeep < 0 {
		p.Add("trash_keep", `"14d" is usual; keep it longer than your backups`, "%s is negative", c.TrashKeep)
	}
	if c.MemoryCache < 0 {
		p.Add("memory_cache", `"32MiB" is usual, 0 keeps nothing`, "%s is negative", c.MemoryCache)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Buckets)) {
		if !validBucket(name) {
			p.Add("buckets."+name, `use 3 to 63 of a-z, 0-9, "-" and ".", as "journal-papers"`, "%q is no bucket name", name)
		}
		p = append(p, c.Buckets[name].validate().Under("buckets."+name)...)
	}
	return p
}

func (c Config) checkSecret(p *fault.Problems) {
	key := c.MasterKey.Reveal()
	const hint = `let "holdfast init" generate one, or: openssl rand -hex 32`
	switch {
	case key == "":
	case secret.IsPlaceholder(key):
		p.Add("master_key", hint, "is a placeholder")
	case len(key) < shortestKey:
		p.Add("master_key", hint, "is shorter than %d bytes", shortestKey)
	}
}

func (c Config) checkLinks(p *fault.Problems) {
	if c.LinkMaxTTL.D() < time.Second || c.LinkMaxTTL.D() > longestLink {
		p.Add("link_max_ttl", `"7d" is usual; what must be readable for ever belongs in a public bucket`,
			"%s is not between 1s and %s", c.LinkMaxTTL, unit.Duration(longestLink))
	}
	if c.LinkTTL.D() < time.Second || c.LinkTTL > c.LinkMaxTTL {
		p.Add("link_ttl", "shorten it, or raise link_max_ttl", "%s is not between 1s and link_max_ttl (%s)", c.LinkTTL, c.LinkMaxTTL)
	}
	if c.LinkWindow < 0 || c.LinkWindow > c.LinkMaxTTL {
		p.Add("link_window", `"15m" is usual; 0 makes every link differ from the last`,
			"%s is not between 0 and link_max_ttl (%s)", c.LinkWindow, c.LinkMaxTTL)
	}
	if c.SessionCookie != "" && !cookieName.MatchString(c.SessionCookie) {
		p.Add("session_cookie", `write the cookie's name alone, as "sessionid"`, "%q is no cookie name", c.SessionCookie)
	}
}

func (b BucketConfig) validate() fault.Problems {
	var p fault.Problems
	if b.MaxSize < 0 || b.MaxObjects < 0 || b.ExpireAfter < 0 || b.KeepVersions < 0 {
		p.Add("max_size", "limits are positive; 0 or leaving the line out means no limit", "a limit of the bucket is negative")
	}
	if b.KeepVersions > 0 && !b.Versions {
		p.Add("keep_versions", "set versions = true, or remove keep_versions", "has no use without versions")
	}
	checkTypes(&p, "types", b.Types)
	checkTypes(&p, "inline", b.Inline)
	if b.Public && len(b.Inline) > 0 {
		p.Add("inline", "keep what the application wrote in a private bucket of its own, and link to it",
			"pages in a public bucket could be put there by anybody who may upload")
	}
	for _, o := range b.Origins {
		if o != "*" && !isOrigin(o) {
			p.Add("origins", `write scheme and host, as "https://app.example.com"`, "%q is not an origin", o)
		}
	}
	for _, o := range b.Resources {
		if !isOrigin(o) {
			p.Add("resources", `write scheme and host, as "https://app.example.com"`, "%q is not an origin", o)
		}
	}
	return p
}

func checkTypes(p *fault.Problems, key string, types []string) {
	for _, t := range types {
		if !mediaType.MatchString(t) {
			p.Add(key, `write a media type in lower case, as "image/png" or "image/*"`, "%q is no media type", t)
		}
	}
}

var (
	cookieName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")                                // RFC 6265 section 4.1.1
	mediaType  = regexp.MustCompile(`^[a-z0-9][a-z0-9!#$&^_.+-]*/(\*|[a-z0-9][a-z0-9!#$&^_.+-]*)$`) // RFC 6838 section 4.2
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

// validBucket holds for the names that S3 allows (S3 user guide, "General purpose bucket naming rules").
func validBucket(name string) bool {
	_, ipErr := netip.ParseAddr(name)
	return bucketName.MatchString(name) && !strings.Contains(name, "..") && ipErr != nil
}

// isOrigin holds for "scheme://host[:port]" with http or https (RFC 6454 section 6.1).
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && s == u.Scheme+"://"+u.Host
}
