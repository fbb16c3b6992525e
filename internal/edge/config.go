package edge

import (
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/web"
)

// Config is the table [edge]: the HTTP front for visitors.
type Config struct {
	// Listen is the address of the edge. Default "127.0.0.1:8000".
	Listen string `toml:"listen"`
	// Hosts are the names that visitors use. Empty: any name is answered.
	Hosts []string `toml:"hosts"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not loopback or private.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
}

// DefaultConfig returns a front that only this machine can reach.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:8000"} }

// Validate reports every mistake in the table [edge]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	p := web.CheckListener(c.Listen, c.TLSCert, c.TLSKey, DefaultConfig().Listen)
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/: \t*@?#") || h != strings.ToLower(h) {
			p.Add("hosts", `write bare names in lower case, as "school.example.com"`, "%q is not a host name", h)
		}
	}
	return p
}
