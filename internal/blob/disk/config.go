package disk

import (
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Config is the table [media].
type Config struct {
	// Root is the directory of the stored files. Default: "media" below the state directory.
	Root string `toml:"root"`
	// URL is the path below which browsers find files. Default "/media/".
	URL string `toml:"url"`
	// Reserve is the free space that is never used: a write that would go below it is refused with 507 before a byte
	// is read. Default 256MiB; 0 for none.
	Reserve unit.Bytes `toml:"reserve"`
}

// DefaultConfig returns the settings of a store whose root is still to be chosen.
func DefaultConfig() Config { return Config{URL: "/media/", Reserve: 256 << 20} }

// Validate reports every mistake in the table [media]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if len(c.URL) < 3 || !strings.HasPrefix(c.URL, "/") || !strings.HasSuffix(c.URL, "/") ||
		strings.ContainsAny(c.URL, "?#%\\ \t") || strings.Contains(c.URL, "//") || strings.Contains(c.URL, "/.") {
		p.Add("url", `write a path that begins and ends with a slash, as "/media/"`, "%q is not a path below the site's root", c.URL)
	}
	if c.Reserve < 0 {
		p.Add("reserve", "write 0 to use all space", "%d is negative", c.Reserve)
	}
	return p
}
