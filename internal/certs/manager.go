package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
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
	// Report is told, after each look, of every host: what is wrong with its certificate, or nil; may be nil.
	Report func(Status, error)
	// Every is the time between two looks at the database. Default 5s.
	Every time.Duration
	Log   *slog.Logger
}

const (
	lookEvery = 5 * time.Second
	// ordersAtOnce bounds the orders of one process.
	ordersAtOnce = 4
	// lookupsAtOnce bounds the questions to the database that strangers can cause by asking as an authority would.
	lookupsAtOnce = 4
)

// Manager keeps the certificates of some hosts; see the package comment. It is a lifecycle.Service, and ready at once:
// what the database has is served from then on, the rest is ordered meanwhile.
type Manager struct {
	base    lifecycle.Base
	opts    Options
	store   *store
	leases  *leases
	lookups chan struct{} // holds a token for each question that strangers cause
	wake    lifecycle.Wake
	log     *slog.Logger

	mu     sync.Mutex // protects the following
	hosts  []string
	held   map[string]*held
	orders map[string]struct{} // hosts with an order of this process
	client *client             // made at the first order
}

// held is what this process knows of a host's certificate.
type held struct {
	row   issued
	cert  *tls.Certificate
	fail  failure // as the database has it
	local failure // of this process alone
}

// Status says how the certificate of a host is.
type Status struct {
	Host      string
	Issuer    string // "" while there is none
	NotBefore time.Time
	NotAfter  time.Time // zero while there is none
	RenewAt   time.Time
	Error     string    // of the last order, if it failed
	RetryAt   time.Time // when the next one may be placed after a failure
}

// New returns a manager that has asked nobody anything yet.
func New(o Options) (*Manager, error) {
	if o.Every == 0 {
		o.Every = lookEvery
	}
	s, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	m := &Manager{
		opts: o, log: o.Log.With("part", "certificates"), lookups: make(chan struct{}, lookupsAtOnce), wake: lifecycle.NewWake(),
		store:  &store{db: o.DB, sealer: s, directory: o.Config.Directory},
		leases: &leases{db: o.DB, holder: holderName()},
		hosts:  slices.Clone(o.Hosts), held: map[string]*held{}, orders: map[string]struct{}{},
	}
	return m, nil
}

// holderName tells processes apart in the table of leases, for people.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + " " + strconv.Itoa(os.Getpid())
}

// Start begins to look after the certificates. What the database has is served when it returns; that it does not answer is
// told, and no reason not to start.
func (m *Manager) Start(ctx context.Context) error {
	return m.base.Start(ctx, func(ctx context.Context) error {
		if err := m.load(ctx); err != nil {
			m.log.WarnContext(ctx, "certificates not read", "error", err)
		}
		m.base.Go(func(ctx context.Context) { lifecycle.Every(ctx, m.opts.Every, m.wake, m.look) })
		return nil
	})
}

// Stop ends orders under way; the leases are given back.
func (m *Manager) Stop(ctx context.Context) error { return m.base.Stop(ctx, nil) }

// SetHosts says for which hosts certificates are kept from now on.
func (m *Manager) SetHosts(hosts []string) {
	m.mu.Lock()
	m.hosts = slices.Clone(hosts)
	maps.DeleteFunc(m.held, func(h string, _ *held) bool { return !slices.Contains(hosts, h) })
	m.mu.Unlock()
	m.wake.Up()
}

// Certificate returns the certificate of a host, or nil. A name is compared as clients write it, in any case and with a dot at its end.
func (m *Manager) Certificate(host string) *tls.Certificate {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.held[host]; h != nil {
		return h.cert
	}
	return nil
}

// Status returns how the certificates are, in the order of the hosts.
func (m *Manager) Status() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Status
	for _, host := range m.hosts {
		all = append(all, m.statusOf(host))
	}
	return all
}

// statusOf returns how the certificate of a host is. Callers must hold mu.
func (m *Manager) statusOf(host string) Status {
	s := Status{Host: host}
	h := m.held[host]
	if h == nil {
		return s
	}
	s.Error, s.RetryAt = h.fail.text, h.fail.retryAt
	if s.Error == "" && time.Now().Before(h.local.retryAt) {
		s.Error, s.RetryAt = h.local.text, h.local.retryAt
	}
	if h.cert != nil {
		s.Issuer, s.NotBefore, s.NotAfter, s.RenewAt = IssuerOf(h.cert.Leaf), h.cert.Leaf.NotBefore, h.cert.Leaf.NotAfter, h.row.renewAt
	}
	return s
}

// look takes over what other processes did, and places the orders that are due.
func (m *Manager) look(ctx context.Context) {
	if err := m.load(ctx); err != nil {
		if ctx.Err() == nil {
			m.log.WarnContext(ctx, "certificates not read", "error", err)
		}
		return // whoever cannot read them cannot store them either
	}
	now := time.Now()
	m.mu.Lock()
	hosts := slices.Clone(m.hosts)
	m.mu.Unlock()
	for _, host := range hosts {
		if !m.due(host, now) || !m.begin(host) {
			continue
		}
		runs := m.base.Go(func(ctx context.Context) {
			placed := m.order(ctx, host)
			if m.end(host); placed {
				m.wake.Up()
			}
		})
		if !runs {
			m.end(host)
		}
	}
	m.report(hosts)
}

// due reports whether an order may be placed, or the authority asked when to place the next one.
func (m *Manager) due(host string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.held[host]
	if h == nil {
		return true
	}
	if now.Before(h.fail.retryAt) || now.Before(h.local.retryAt) {
		return false
	}
	return h.row.fence == 0 || !now.Before(h.row.renewAt) || !now.Before(h.row.askAt)
}

// begin takes one of the places for orders.
func (m *Manager) begin(host string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, busy := m.orders[host]; busy || len(m.orders) >= ordersAtOnce {
		return false
	}
	m.orders[host] = struct{}{}
	return true
}

func (m *Manager) end(host string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.orders, host)
}

// load takes over what is in the database.
func (m *Manager) load(ctx context.Context) error {
	m.mu.Lock()
	hosts := slices.Clone(m.hosts)
	known := map[string]int64{}
	for host, h := range m.held {
		if h.cert != nil && h.row.sealedKey == nil {
			known[host] = h.row.fence
		}
	}
	m.mu.Unlock()
	rows, err := m.store.issued(ctx, hosts, known)
	if err != nil {
		return fmt.Errorf("read certificates: %w", err)
	}
	fails, err := m.store.failures(ctx, hosts)
	if err != nil {
		return fmt.Errorf("read certificates: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, host := range hosts {
		if slices.Contains(m.hosts, host) {
			errs = append(errs, m.take(host, rows[host], fails[host]))
		}
	}
	return errors.Join(errs...)
}

// take puts what was read about a host in force. A certificate that cannot be used leaves the last one. Callers must hold mu.
func (m *Manager) take(host string, row issued, fail failure) error {
	h := m.held[host]
	if h == nil {
		h = &held{}
		m.held[host] = h
	}
	h.fail = fail
	switch {
	case row.fence == 0: // none in the database
		h.cert, h.row = nil, issued{}
		return nil
	case row.sealedKey == nil: // the one that is known
		h.row.renewAt, h.row.askAt = row.renewAt, row.askAt
		return nil
	}
	cert, err := m.store.open(row)
	if err != nil { // another one is not ordered: processes with different keys would take turns
		h.row, h.fail.text = row, err.Error()
		return fmt.Errorf("certificate of %s: %w", host, err)
	}
	m.log.Info("certificate in use", "host", host, "until", cert.Leaf.NotAfter)
	row.sealedKey = nil // read
	h.cert, h.row, h.local = cert, row, failure{}
	return nil
}

// report tells what is wrong with each host.
func (m *Manager) report(hosts []string) {
	if m.opts.Report == nil {
		return
	}
	for _, host := range hosts {
		m.mu.Lock()
		s := m.statusOf(host)
		m.mu.Unlock()
		var err error
		switch {
		case s.Error != "":
			err = errors.New(s.Error)
		case s.NotAfter.IsZero():
			err = errors.New("the first certificate is being ordered")
		}
		m.opts.Report(s, err)
	}
}
