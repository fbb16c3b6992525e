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
	ServerUser  string    // "": the rule's
}

// same reports whether nothing changed that a session depends on.
func (l Login) same(other Login) bool {
	return l.HasPassword == other.HasPassword && l.NoLogin == other.NoLogin && l.ValidUntil.Equal(other.ValidUntil) &&
		l.Person == other.Person && l.Class == other.Class && l.ServerUser == other.ServerUser &&
		(!l.HasPassword || l.Keys.Equal(other.Keys))
}

// hasExpired reports whether the password is no longer valid.
func (l Login) hasExpired(now time.Time) bool {
	return !l.ValidUntil.IsZero() && !now.Before(l.ValidUntil)
}

// Source knows the verifiers of some users. Login returns ErrUnknownUser for others, and any other error when it cannot
// tell. Answers are kept for query_ttl. It may be called by several goroutines.
type Source interface {
	Login(ctx context.Context, user string) (Login, error)
}

// ErrUnknownUser is a source's answer for a user it does not know.
var ErrUnknownUser = fault.New(fault.Denied, "auth_unknown_user", "the user is not known")

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
	GroupsChanged   = "groups_changed"
)

// reasonOf says what changed from one to the other; known is false when the user is gone.
func reasonOf(now Login, known bool, at time.Time) string {
	switch {
	case !known:
		return UserRemoved
	case now.NoLogin:
		return LoginRevoked
	case now.hasExpired(at):
		return PasswordExpired
	default:
		return PasswordChanged
	}
}

// entry is a Login with the number that tells it from earlier ones of the same user.
type entry struct {
	Login
	known      bool
	password   secret.String // that Keys were made of here; empty when they came made
	generation uint64
	expired    bool // it was told that the password expired
}
