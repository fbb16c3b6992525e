package pooler

import (
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
)

// identity is who a session belongs to.
type identity struct {
	pid      uint32 // as told to the client, for cancel requests
	key      []byte
	user     string // as the client named it
	person   string
	class    string
	database string // as the client named it
	app      string // application_name at log-in
	address  string
	admin    bool // uses the reserved connections
	decision *pgauth.Decision
	version  pgwire.Version
}

// Person is who a statement is attributed to.
type Person struct {
	Name          string
	Proven        bool // the name was proven at log-in, not only said
	Database      string
	User          string // of the server session
	Class         string
	ClientAddress string
	Session       uint32 // the process id as told to the client
}
