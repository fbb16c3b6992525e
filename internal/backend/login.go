package backend

import (
	"fmt"

	"holdfast/internal/pgwire"
	"holdfast/internal/scram"
)

// Login says who logs in, and what the session is to be.
type Login struct {
	User       string
	Database   string // empty: the server takes the user's name
	Credential scram.Credential

	// ChannelBinding is libpq's channel_binding; the zero value is BindingPrefer.
	ChannelBinding ChannelBinding
	// Cleartext lets the password be sent as it is when the server asks for that; even then only inside TLS or through a
	// Unix socket. Servers that check passwords with LDAP or PAM ask so.
	Cleartext bool

	Params      []pgwire.Param // further parameters of the start-up packet, such as application_name and options
	Replication string         // "", or libpq's replication: "true" or "database"
	// Minor is the protocol's minor version to ask for: 0, or 2 for long cancel keys (PostgreSQL 18). Servers that know
	// only 3.0 are fine: see [Conn.Minor].
	Minor uint16
}

// ChannelBinding says whether the proof of the password is tied to the TLS connection (SCRAM-SHA-256-PLUS).
type ChannelBinding uint8

// The values of libpq's channel_binding.
const (
	BindingPrefer  ChannelBinding = iota // when TLS is on and the server offers it
	BindingDisable                       // never
	BindingRequire                       // or no log-in
)

var bindingNames = [...]string{"prefer", "disable", "require"}

// String returns libpq's name.
func (b ChannelBinding) String() string {
	if int(b) < len(bindingNames) {
		return bindingNames[b]
	}
	return fmt.Sprintf("ChannelBinding(%d)", uint8(b))
}

// ParseChannelBinding returns the value with libpq's name.
func ParseChannelBinding(name string) (ChannelBinding, error) {
	for i, n := range bindingNames {
		if n == name {
			return ChannelBinding(i), nil
		}
	}
	return 0, fmt.Errorf("channel_binding %q is not one of %v", name, bindingNames)
}
