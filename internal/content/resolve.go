package content

import (
	"path/filepath"
	"strings"
)

// Resolve returns the settings with the names of files made absolute to the directory of the configuration.
func (s SourceConfig) Resolve(dir string) SourceConfig {
	if s.KnownHosts != "" && !filepath.IsAbs(s.KnownHosts) {
		s.KnownHosts = filepath.Join(dir, s.KnownHosts)
	}
	if strings.HasPrefix(s.Git, "./") || strings.HasPrefix(s.Git, "../") {
		s.Git = filepath.Join(dir, s.Git)
	}
	return s
}
