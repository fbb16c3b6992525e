package postgres

import (
	"crypto/tls"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// sslModes are libpq's, from least to most.
var sslModes = []string{"disable", "allow", "prefer", require, "verify-ca", "verify-full"}

const (
	require = "require"
	direct  = "direct"
)

// TLSSettings are the settings by which TLS to a server is had, of [database] or of a route.
type TLSSettings struct {
	Mode, RootCert, Cert, Key, Negotiation, ChannelBinding string
}

func (c Config) checkTLS(p *fault.Problems) {
	s := TLSSettings{c.SSLMode, c.SSLRootCert, c.SSLCert, c.SSLKey, c.SSLNegotiation, c.ChannelBinding}
	*p = append(*p, s.Validate(isSocket(c.Host))...)
}

// Validate reports mistakes of settings that lead to a Unix socket or to an address; keys as libpq has them.
func (s TLSSettings) Validate(socket bool) fault.Problems {
	var p fault.Problems
	none := socket || s.Mode == "disable"
	switch {
	case s.Mode != "" && !slices.Contains(sslModes, s.Mode):
		p.Add("sslmode", "write one of "+strings.Join(sslModes, ", "), "%q is no mode of libpq", s.Mode)
	case socket && s.Mode != "" && slices.Index(sslModes, s.Mode) > slices.Index(sslModes, "prefer"):
		p.Add("sslmode", "remove it: a Unix socket never leaves the machine", "%q cannot be had on a Unix socket", s.Mode)
	case s.RootCert != "" && none:
		p.Add("sslrootcert", `set sslmode = "verify-full", or remove sslrootcert`, "has no use without TLS")
	}
	s.checkPair(&p, none)
	s.checkNegotiation(&p, none)
	return p
}

func (s TLSSettings) checkPair(p *fault.Problems, none bool) {
	switch {
	case s.Cert == "" && s.Key == "":
	case s.Cert == "" || s.Key == "":
		p.Add("sslcert", "set both sslcert and sslkey, or neither", "a certificate needs its key")
	case none:
		p.Add("sslcert", `set sslmode = "verify-full", or remove sslcert and sslkey`, "has no use without TLS")
	default:
		if _, err := tls.LoadX509KeyPair(s.Cert, s.Key); err != nil {
			p.Add("sslcert", "name two PEM files that belong together and that this user may read", "%v", err)
		}
	}
}

func (s TLSSettings) checkNegotiation(p *fault.Problems, none bool) {
	switch {
	case s.Negotiation != "" && s.Negotiation != "postgres" && s.Negotiation != direct:
		p.Add("sslnegotiation", `write "postgres" or "direct"`, "%q is neither", s.Negotiation)
	case s.Negotiation == direct && (none || slices.Index(sslModes, s.Mode) < slices.Index(sslModes, require)):
		p.Add("sslnegotiation", `set sslmode = "verify-full" (or verify-ca, require)`, "TLS that is not asked for cannot fall back to none")
	}
	switch {
	case s.ChannelBinding != "" && !slices.Contains([]string{"prefer", "disable", require}, s.ChannelBinding):
		p.Add("channel_binding", `write "prefer", "disable" or "require"`, "%q is none of them", s.ChannelBinding)
	case s.ChannelBinding == require && (none || slices.Index(sslModes, s.Mode) < slices.Index(sslModes, require)):
		p.Add("channel_binding", `set sslmode = "verify-full" (or verify-ca, require)`, "without TLS there is no channel to bind to")
	}
}
