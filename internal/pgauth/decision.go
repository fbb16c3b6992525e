package pgauth

import (
	"context"

	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// Decision says how an attempt goes on, and after Finish who it is. It serves one session and one goroutine.
type Decision struct {
	Method  Method
	Rule    int    // place of the rule that decided, from 0
	User    string // as the client named it
	Person  string // for the audit stream and for fair sharing
	Proven  bool   // Person was proven, not claimed; true only after a method that proves
	Class   string // "" if none
	Keys    scram.Keys
	Binding bool // only SCRAM-SHA-256-PLUS is to be offered
	// ServerUser is the role of the server session, "" for the client's own with the keys of its SCRAM exchange.
	ServerUser     string
	ServerPassword secret.String // of ServerUser; may be empty
	// Generation tells this session's credential from earlier and later ones of the same user; see Change.
	Generation uint64

	auth *Authenticator
	at   Attempt
}

// Password checks a password in clear (Exchange Password), settles Class, Person and ServerUser, and finishes.
func (d *Decision) Password(ctx context.Context, text string) error { return nil }

// Finish is told how the exchange went, nil or the error of the SCRAM exchange, and returns nil or the *Denied error to
// end with. After nil the session counts until Close.
func (d *Decision) Finish(exchange error) error { return nil }

// Close says that the session ended. It is safe at any time, and twice.
func (d *Decision) Close() {}
