package s3api

import (
	"crypto/tls"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"holdfast/internal/fault"
)

// DefaultConfig returns the settings of an endpoint that only this machine can reach.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9000", Region: "holdfast", MinRate: 1000}
}

// Validate reports every mistake in the table [s3]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	c.validateListen(&p)
	c.validateTLS(&p)
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

func (c Config) validateListen(p *fault.Problems) {
	if strings.HasPrefix(c.Listen, "/") {
		return // a Unix socket
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil || port == "" {
		p.Add("listen", `write host and port, as "127.0.0.1:9000"`, "%q is not an address", c.Listen)
		return
	}
	if c.TLSCert == "" && !private(host) {
		p.Add("listen", "set tls_cert and tls_key, or listen on a loopback or private address behind the edge",
			"%q can be reached from outside, and without TLS everybody on the way reads the files", c.Listen)
	}
}

func (c Config) validateTLS(p *fault.Problems) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		p.Add("tls_cert", "set both tls_cert and tls_key, or neither", "a certificate needs its key")
		return
	}
	if c.TLSCert == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
		p.Add("tls_cert", "name two PEM files that belong together and that this user may read", "%v", err)
	}
}

// private reports whether a listening host is a loopback or private address. A name is looked at literally: only
// "localhost" is known to be private. The empty host means every interface.
func private(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast())
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
