package pgauth

import (
	"context"
	"log/slog"

	"holdfast/internal/health"
)

// Options are what an Authenticator is given besides its settings.
type Options struct {
	Log      *slog.Logger
	Findings *health.Registry
	Querier  Querier  // needed when the setting query is set
	Users    []User   // users of the configuration; they come before the file
	Sources  []Source // further sources; they are asked after the file, before the query
	// MockSecret makes unknown users look like known ones, with the same salt after a restart. Zero: a random one.
	MockSecret [32]byte
}

// Authenticator decides who may log in. It is a lifecycle.Service; ready means that the user file is read.
type Authenticator struct{}

// New returns an Authenticator that starts nothing yet.
func New(c Config, o Options) (*Authenticator, error) { return &Authenticator{}, nil }

// Start reads the file and begins to watch for changes.
func (a *Authenticator) Start(ctx context.Context) error { return nil }

// Stop ends the watching and closes the connections to the directory.
func (a *Authenticator) Stop(ctx context.Context) error { return nil }

// Reload takes new settings and reads the file again (SIGHUP). On an error the old ones stay.
func (a *Authenticator) Reload(c Config) error { return nil }

// Subscribe calls f for every change of a credential, from one goroutine at a time, until the returned function is called.
func (a *Authenticator) Subscribe(f func(Change)) (cancel func()) { return func() {} }

// Decide finds the rule for an attempt. The error is a *Denied.
func (a *Authenticator) Decide(ctx context.Context, at Attempt) (*Decision, error) { return nil, nil }
