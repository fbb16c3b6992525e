package pgauth

import (
	"errors"
	"fmt"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
)

// SQLSTATEs of refusals (PostgreSQL manual, appendix "PostgreSQL Error Codes").
const (
	protocolViolation    = "08P01"
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

// reason makes the half of a refusal that is for the log.
func reason(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Denied, code, format, args...)
}

// noEntry is the refusal of whom no rule lets in. Its message is PostgreSQL's, which people and tools know.
func noEntry(at Attempt, why *fault.Error) *Denied {
	return &Denied{
		SQLSTATE: invalidAuthorization,
		Message: fmt.Sprintf(`no pg_hba.conf entry for host "%s", user "%s", database "%s", %s`,
			at.host(), at.User, at.Database, at.encryption()),
		Hint:   "Holdfast decides by its own rules: [[database.rules]] in its settings.",
		Reason: why,
	}
}

// tlsRequired is the refusal of a client outside TLS where the method needs it. It comes before a password is asked for.
func tlsRequired(at Attempt, m Method) *Denied {
	d := noEntry(at, reason("auth_tls_required", "user %q from %s came without TLS, and the method %s needs it", at.User, at.host(), m))
	d.Hint = "Connect with TLS (sslmode=require)."
	return d
}

// badPassword is the refusal of everybody whose password was not proved right, for whatever reason.
func badPassword(at Attempt, why *fault.Error) *Denied {
	return &Denied{
		SQLSTATE: invalidPassword,
		Message:  fmt.Sprintf(`password authentication failed for user "%s"`, at.User),
		Reason:   why,
	}
}

// expired is the refusal of a person who proved to know a password that is no longer valid.
func expired(at Attempt, why *fault.Error) *Denied {
	return &Denied{
		SQLSTATE: invalidPassword,
		Message:  fmt.Sprintf(`the password of user "%s" has expired`, at.User),
		Hint:     "Set a new password.",
		Reason:   why,
	}
}

// notPermitted is the refusal of a person who is known but may not log in.
func notPermitted(at Attempt, why *fault.Error) *Denied {
	return &Denied{
		SQLSTATE: invalidAuthorization,
		Message:  fmt.Sprintf(`role "%s" is not permitted to log in`, at.User),
		Reason:   why,
	}
}

// unproven is the refusal of a certificate or an account that is not the user's.
func unproven(at Attempt, what string, why *fault.Error) *Denied {
	return &Denied{
		SQLSTATE: invalidAuthorization,
		Message:  fmt.Sprintf(`%s authentication failed for user "%s"`, what, at.User),
		Reason:   why,
	}
}

// tooMany is the refusal of somebody who has to wait first. It is the same for users who do not exist.
func tooMany(at Attempt, wait time.Duration) *Denied {
	return &Denied{
		SQLSTATE: invalidAuthorization,
		Message:  fmt.Sprintf(`too many failed log-ins for user "%s" from this address`, at.User),
		Hint:     fmt.Sprintf("Try again in %d seconds.", int(wait/time.Second)+1),
		Reason:   reason("auth_throttled", "user %q from %s failed too often and has to wait %s", at.User, at.host(), wait.Round(time.Second)),
	}
}

// unavailable is the refusal of everybody while the password cannot be checked.
func unavailable(at Attempt, cause error) *Denied {
	why := fault.New(fault.Unavailable, fault.CodeOf(cause), "check the password of user %q: %w", at.User, cause)
	return &Denied{
		SQLSTATE: cannotConnectNow,
		Message:  fmt.Sprintf(`the password of user "%s" cannot be checked at the moment`, at.User),
		Hint:     "Try again later; the log of Holdfast says what is wrong.",
		Reason:   why,
	}
}

// broken is the refusal of a client whose exchange did not come to an end.
func broken(at Attempt, cause error) *Denied {
	d := badPassword(at, reason("auth_aborted", "user %q from %s broke off: %w", at.User, at.host(), cause))
	if errors.Is(cause, scram.ErrMessage) {
		d.SQLSTATE, d.Message = protocolViolation, "malformed SCRAM message"
	}
	return d
}
