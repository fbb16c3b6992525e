package web

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"

	"holdfast/internal/fault"
)

// CheckListener reports what is wrong with the settings listen, tls_cert and tls_key of a table. An address that can be
// reached from outside needs TLS. example is the default address, for the hint.
func CheckListener(listen, cert, key, example string) fault.Problems {
	var p fault.Problems
	checkAddress(&p, listen, cert, example)
	switch {
	case (cert == "") != (key == ""):
		p.Add("tls_cert", "set both tls_cert and tls_key, or neither", "a certificate needs its key")
	case cert != "":
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			p.Add("tls_cert", "name two PEM files that belong together and that this user may read", "%v", err)
		}
	}
	return p
}

func checkAddress(p *fault.Problems, listen, cert, example string) {
	if strings.HasPrefix(listen, "unix:/") {
		return
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" {
		p.Add("listen", "write host and port, as \""+example+"\"", "%q is not an address", listen)
		return
	}
	if cert == "" && !IsPrivate(host) {
		p.Add("listen", "set tls_cert and tls_key, or listen on a loopback or private address",
			"%q can be reached from outside, and without TLS everybody on the way can read along", listen)
	}
}

// IsPrivate reports whether a listening host is a loopback, link-local or private address (RFC 1918, RFC 4193). A name
// is taken literally: only "localhost" is known to be private. The empty host means every interface.
func IsPrivate(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast())
}
