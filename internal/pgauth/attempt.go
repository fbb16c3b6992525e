package pgauth

import (
	"crypto/x509"
	"net/netip"
)

// Attempt is somebody who wants to log in, as far as the connection and the start-up packet tell.
type Attempt struct {
	Database    string
	User        string
	Address     netip.Addr        // not valid: a Unix socket
	TLS         bool              // the connection is inside TLS
	Certificate *x509.Certificate // the client's, verified by the listener; nil: none
	Account     string            // the account at the other end of a Unix socket; "": not known
	Physical    bool              // physical replication: replication=true
	Claimed     string            // what the client says who it is (holdfast.person); "": nothing
}

// isLocal reports whether the client came by a Unix socket.
func (at Attempt) isLocal() bool { return !at.Address.IsValid() }

// host is the address as PostgreSQL's messages write it.
func (at Attempt) host() string {
	if at.isLocal() {
		return "[local]"
	}
	return at.Address.Unmap().String()
}

// encryption is what PostgreSQL's messages say of it.
func (at Attempt) encryption() string {
	if at.TLS {
		return "SSL encryption"
	}
	return "no encryption"
}
