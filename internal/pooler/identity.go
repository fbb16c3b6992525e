package pooler

import (
	"net/netip"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

// identity is who a session belongs to.
type identity struct {
	id       uint32 // among all clients and servers of this process
	pid      uint32 // as told to the client, for cancel requests
	key      []byte
	user     string // as the client named it
	person   string
	class    string
	database string // as the client named it
	app      string // application_name at log-in
	request  string // holdfast.request_id at log-in
	address  string
	peer     netip.AddrPort // not valid: a Unix socket
	admin    bool           // uses the reserved connections
	decision *pgauth.Decision
	version  pgwire.Version
}

// isHit reports whether a change is one of the credential that it logged in with.
func (who *identity) isHit(c pgauth.Change) bool {
	return who.user == c.User && who.decision.Generation < c.Generation
}
