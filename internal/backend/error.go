package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

// Error is why a session could not be opened or used. In its chain stands a *fault.Error with kind, code and hint.
type Error struct {
	Op       string // what was tried: "log in to db.local:5432"
	SQLSTATE string // of the server's answer; empty when there was none, or it carried none
	Severity string // the server's, "FATAL" mostly; empty when it did not speak
	Message  string // the server's words, or ours
	Detail   string // the server's
	Hint     string // the server's

	permanent bool
	err       error
}

// Error returns the operation, then the cause.
func (e *Error) Error() string { return e.Op + ": " + e.err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// Permanent reports whether trying again is pointless until a person changes something: a wrong password, a database
// that does not exist, a certificate that is not trusted. Otherwise the server is down, starting, full, or out of reach.
func (e *Error) Permanent() bool { return e.permanent }

// SQLState returns the SQLSTATE that a client in front of us should see: the server's, or one that says why there is none.
func (e *Error) SQLState() string {
	switch {
	case e.SQLSTATE != "":
		return e.SQLSTATE
	case e.permanent:
		return "08001" // sqlclient_unable_to_establish_sqlconnection
	}
	return "57P03" // cannot_connect_now
}

// transient are the classes of SQLSTATE that pass by themselves (PostgreSQL manual, "PostgreSQL Error Codes").
var transient = [...]string{
	"08", // connection exception
	"40", // transaction rollback
	"53", // insufficient resources: too_many_connections
	"57", // operator intervention: admin_shutdown, crash_shutdown, cannot_connect_now
	"58", // system error
	"XX", // internal error
}

func isTransient(sqlstate string) bool {
	for _, class := range transient {
		if strings.HasPrefix(sqlstate, class) {
			return sqlstate != "08P01" // protocol_violation: we sent what it does not understand
		}
	}
	return sqlstate == ""
}

// refused is the error for an ErrorResponse.
func refused(op string, n pgwire.Notice) *Error {
	kind := fault.Internal
	switch {
	case isTransient(n.Code):
		kind = fault.Unavailable
	case strings.HasPrefix(n.Code, "28"):
		kind = fault.Denied
	case strings.HasPrefix(n.Code, "3D"):
		kind = fault.NotFound
	}
	severity, state := n.Severity, n.Code
	if severity == "" {
		severity = "ERROR"
	}
	if state == "" {
		state = "none"
	}
	return &Error{
		Op: op, SQLSTATE: n.Code, Severity: severity, Message: n.Message, Detail: n.Detail, Hint: n.Hint,
		permanent: !isTransient(n.Code),
		err:       fault.New(kind, "backend_refused", "%s: %s (SQLSTATE %s)", severity, n.Message, state).WithHint("%s", advice(n)),
	}
}

// advice says what to do about an error of the server: its own hint, or ours.
func advice(n pgwire.Notice) string {
	if n.Hint != "" {
		return n.Hint
	}
	switch n.Code {
	case "28P01": // invalid_password
		return "the password that is set here for this role is not the one that PostgreSQL knows"
	case "28000": // invalid_authorization_specification
		return "see pg_hba.conf of the server, and whether the role may log in"
	case "3D000": // invalid_catalog_name
		return "create the database, or correct its name"
	case "53300": // too_many_connections
		return "lower the sizes of the pools, or raise max_connections of the server"
	case "57P03": // cannot_connect_now
		return "the server is starting, stopping or recovering: see its log if that lasts"
	}
	return ""
}

// broken is the error for a cause that is ours, or the network's.
func broken(op string, err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	f := (*fault.Error)(nil)
	switch {
	case errors.As(err, &f):
	case errors.As(err, new(*pgwire.ProtocolError)):
		f = fault.New(fault.Invalid, "backend_protocol", "%w", err)
	default:
		f = fault.New(fault.Unavailable, "backend_unreachable", "%w", err)
	}
	return &Error{Op: op, Message: f.Error(), permanent: f.Kind != fault.Unavailable && f.Kind != fault.Interrupted, err: f}
}

// interrupted explains an I/O error that came because ctx ended. What the server said counts more.
func interrupted(ctx context.Context, err error) error {
	if errors.As(err, new(*fault.Error)) || ctx.Err() == nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.DeadlineExceeded) {
		return fault.New(fault.Interrupted, "backend_interrupted", "%w", cause)
	}
	return fault.New(fault.Unavailable, "backend_timeout", "the server did not answer in time: %w", err)
}

// notPostgres is the error for a peer whose first bytes are not those of a PostgreSQL server.
func notPostgres(said []byte) error {
	line, _, _ := strings.Cut(string(said), "\r\n")
	return fault.New(fault.Config, "backend_not_postgres", "what listens there is not PostgreSQL: it says %q", line).
		WithHint("check host and port")
}

// strange is the error for a message that must not come now.
func strange(format string, args ...any) error {
	return fault.New(fault.Invalid, "backend_protocol", "%w", &pgwire.ProtocolError{Reason: fmt.Sprintf(format, args...)})
}
