package s3api

import (
	"net/url"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/web"
)

// DefaultConfig returns the settings of an endpoint that only this machine can reach.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9000", Region: "holdfast", MinRate: 1000}
}

// Validate reports every mistake in the table [s3]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	p := web.CheckListener(c.Listen, c.TLSCert, c.TLSKey, DefaultConfig().Listen)
	for _, h := range c.Hosts {
		if _, ok := hostName(h); !ok {
			p.Add("hosts", `write a name as "files.example.com" or an address as "https://files.example.com"`,
				"%q is not a host name", h)
		}
	}
	if strings.ContainsAny(c.Region, "/ \t") {
		p.Add("region", `write a short word such as "holdfast", or "" to accept any`, "%q has a space or a slash in it", c.Region)
	}
	if c.MinRate < 0 {
		p.Add("min_rate", "write 0 to accept any rate", "%d is negative", c.MinRate)
	}
	if c.MaxInFlight < 0 {
		p.Add("max_in_flight", "write 0 for no limit but the disk's reserve", "%d is negative", c.MaxInFlight)
	}
	return p
}

// hostName returns the lower-case host name (with port, if one is given) of a configured public host.
func hostName(s string) (string, bool) {
	if scheme, _, ok := strings.Cut(s, "://"); ok {
		u, err := url.Parse(s)
		if err != nil || scheme != "http" && scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return "", false
		}
		s = u.Host
	}
	if s == "" || strings.ContainsAny(s, "/ \t*?#@,") {
		return "", false
	}
	return strings.ToLower(s), true
}
