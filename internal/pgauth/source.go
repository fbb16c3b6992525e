package pgauth

import (
	"context"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// Login is what a source knows of a user.
type Login struct {
	Keys        scram.Keys
	HasPassword bool      // false: Keys mean nothing, and no password is right
	NoLogin     bool      // the role may not log in
	ValidUntil  time.Time // when the password expires; zero: never
	Person      string    // whose credential it is; "": the user's own
	Class       string    // "": the rule's
}

// Source knows the verifiers of some users. Login returns ErrUnknownUser for others. Answers are kept for query_ttl.
type Source interface {
	Login(ctx context.Context, user string) (Login, error)
}

// ErrUnknownUser is a source's answer for a user it does not know.
var ErrUnknownUser = &fault.Error{Kind: fault.Denied, Code: "auth_unknown_user"}

// User is a user whom the caller knows from elsewhere in the configuration. One of Password and Verifier is set.
type User struct {
	Name     string
	Password secret.String
	Verifier string // "SCRAM-SHA-256$…"
}

// Change says that a credential is no longer what it was. Sessions of the user whose Decision.Generation is lower than
// Generation are to end.
type Change struct {
	User       string
	Generation uint64
	Reason     string // one of the constants below
}

// The reasons of a Change.
const (
	PasswordChanged = "password_changed"
	LoginRevoked    = "login_revoked"
	PasswordExpired = "password_expired"
	UserRemoved     = "user_removed"
)
