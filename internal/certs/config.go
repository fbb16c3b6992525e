package certs

import (
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// LetsEncrypt is the directory of Let's Encrypt.
const LetsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

// Config is the table [edge.acme].
type Config struct {
	// Enabled gets certificates for the site's hosts by ACME and renews them. Default false.
	Enabled bool `toml:"enabled"`
	// AcceptTerms says that you agree to the terms of service of the authority. Without it there is no account.
	AcceptTerms bool `toml:"accept_terms"`
	// Email is where the authority may write to. Default none.
	Email string `toml:"email"`
	// Directory is where the authority's ACME service begins. Default Let's Encrypt's.
	Directory string `toml:"directory"`
	// CAFile holds roots in PEM that the directory's own certificate is checked against, for an authority of your own. Default:
	// those of the system.
	CAFile string `toml:"ca_file"`
	// Hosts are the names to get certificates for. Default: those of edge.hosts, and of files.public_url, that no file is for.
	Hosts []string `toml:"hosts"`
	// Profile is the kind of certificate, where the authority offers several: "shortlived". Default: the authority's.
	Profile string `toml:"profile"`
}

// DefaultConfig returns settings in which nothing is asked of anybody.
func DefaultConfig() Config { return Config{Directory: LetsEncrypt} }

// Names returns the hosts to get certificates for; hosts are those of the site.
func (c Config) Names(hosts []string) []string {
	if !c.Enabled {
		return nil
	}
	if len(c.Hosts) > 0 {
		return c.Hosts
	}
	return hosts
}

// Validate reports every mistake; keys are relative to the table. hosts are those of the site.
func (c Config) Validate(hosts []string) fault.Problems {
	var p fault.Problems
	if !c.Enabled {
		return nil
	}
	if !c.AcceptTerms {
		p.Add("accept_terms", "read the authority's terms of service and write accept_terms = true", "nobody has agreed to the terms yet")
	}
	if _, err := mail.ParseAddress(c.Email); c.Email != "" && err != nil {
		p.Add("email", `write an address, as "admin@example.com"`, "%q is none", c.Email)
	}
	if u, err := url.Parse(c.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		p.Add("directory", `write its URL, as "`+LetsEncrypt+`"`, "%q is not an HTTPS URL", c.Directory)
	}
	if c.CAFile != "" {
		if _, err := os.ReadFile(c.CAFile); err != nil {
			p.Add("ca_file", "name a PEM file that this user may read", "%v", err)
		}
	}
	if len(c.Names(hosts)) == 0 {
		p.Add("hosts", "name the site in edge.hosts", "there is no host to get a certificate for")
	}
	for _, h := range c.Hosts {
		if !slices.Contains(hosts, h) {
			p.Add("hosts", "name it in edge.hosts, too", "%q is not one of the site's hosts", h)
		}
	}
	for _, h := range c.Names(hosts) {
		if !strings.Contains(h, ".") && c.Directory == LetsEncrypt {
			p.Add("hosts", "leave it out of edge.acme.hosts, or use an authority of your own", "no public authority gives a certificate for %q", h)
		}
	}
	return p
}
