package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/lifecycle"
	"holdfast/internal/secret"
)

// Database is what a Manager needs of PostgreSQL; *postgres.DB has it.
type Database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	InTx(ctx context.Context, f func(tx pgx.Tx) error) error
	Schema() string
}

// Options are what a Manager is made of.
type Options struct {
	Config Config
	Hosts  []string // that certificates are for
	DB     Database // to which Migrations were applied
	Key    secret.String
	// HTTP says that the site answers plain HTTP, so that HTTP-01 can work; TLS-ALPN-01 is tried in any case.
	HTTP bool
	// Report is told of a host that it has no certificate or that its renewal failed, and with nil that all is well; may be nil.
	Report func(host string, err error)
	// Every is the time between two looks at the database. Default 5s.
	Every time.Duration
	Log   *slog.Logger
}

// Manager keeps the certificates of some hosts; see the package comment. It is a lifecycle.Service, and ready at once:
// what the database has is served from then on, the rest is ordered meanwhile.
type Manager struct {
	base lifecycle.Base
	opts Options

	mu    sync.Mutex // protects the following
	hosts []string
	held  map[string]*held
}

// held is what this process knows of a host's certificate.
type held struct {
	cert *tls.Certificate
}

// Status says how the certificate of a host is.
type Status struct {
	Host     string
	Issuer   string    // "" while there is none
	NotAfter time.Time // zero while there is none
	Lifetime time.Duration
	RenewAt  time.Time
	Error    string    // of the last order, if it failed
	RetryAt  time.Time // when the next one is placed after a failure
}
