package pgauth

import "slices"

// Method is how a client proves who it is.
type Method string

// The methods, values of Rule.Method.
const (
	SCRAM     Method = "scram"
	SCRAMPlus Method = "scram-plus"
	LDAPBind  Method = "ldap"
	Cert      Method = "cert"
	Peer      Method = "peer"
	Trust     Method = "trust"
	Reject    Method = "reject"
)

// Methods returns all methods.
func Methods() []Method { return []Method{SCRAM, SCRAMPlus, LDAPBind, Cert, Peer, Trust, Reject} }

// Exchange is what the client must be asked for.
type Exchange uint8

// The exchanges.
const (
	None     Exchange = iota // nothing: the client is who it says
	SASL                     // SCRAM with Decision.Keys, then Decision.Finish
	Password                 // the password in clear, for Decision.Password
)

// Exchange says what a client of the method must be asked for.
func (m Method) Exchange() Exchange {
	switch m {
	case SCRAM, SCRAMPlus:
		return SASL
	case LDAPBind:
		return Password
	default:
		return None
	}
}

func (m Method) isKnown() bool { return slices.Contains(Methods(), m) }

// hasKeys reports whether the method leaves keys that open the server's door, too.
func (m Method) hasKeys() bool { return m.Exchange() == SASL }
