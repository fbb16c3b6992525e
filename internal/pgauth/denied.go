package pgauth

import "holdfast/internal/fault"

// SQLSTATEs of refusals (PostgreSQL manual, appendix "PostgreSQL Error Codes").
const (
	invalidAuthorization = "28000"
	invalidPassword      = "28P01"
	cannotConnectNow     = "57P03"
)

// Denied is a refused log-in. What the client may see is in its fields; the error's own text and its code are for the log
// and say the reason, which a client could use to find out who exists.
type Denied struct {
	SQLSTATE string
	Message  string
	Hint     string       // for the client; may be empty
	Reason   *fault.Error // for the log
}

// Error returns the reason, for the log.
func (d *Denied) Error() string { return d.Reason.Error() }

// Unwrap returns the reason, so that fault.CodeOf and fault.KindOf answer.
func (d *Denied) Unwrap() error { return d.Reason }
