package backend

import "fmt"

// TLSMode is libpq's sslmode (PostgreSQL manual, "SSL Support", table "SSL Mode Descriptions").
type TLSMode uint8

// The modes, from careless to careful.
const (
	TLSDisable    TLSMode = iota // no TLS
	TLSAllow                     // plain; with TLS when the server lets nobody in without
	TLSPrefer                    // TLS; plain when the server has none
	TLSRequire                   // TLS, whoever answers; with root certificates like TLSVerifyCA, as in libpq
	TLSVerifyCA                  // TLS, and the certificate is signed by one of the roots
	TLSVerifyFull                // as TLSVerifyCA, and it is made out to the name that was dialled
)

var tlsModeNames = [...]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

// String returns libpq's name of the mode.
func (m TLSMode) String() string {
	if int(m) < len(tlsModeNames) {
		return tlsModeNames[m]
	}
	return fmt.Sprintf("TLSMode(%d)", uint8(m))
}

// ParseTLSMode returns the mode with libpq's name.
func ParseTLSMode(name string) (TLSMode, error) {
	for i, n := range tlsModeNames {
		if n == name {
			return TLSMode(i), nil
		}
	}
	return 0, fmt.Errorf("sslmode %q is not one of %v", name, tlsModeNames)
}
