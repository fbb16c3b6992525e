package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"holdfast/internal/fault"
)

// client speaks to the authority.
type client struct {
	acmez.Client
	patience *patience
}

// authorityTimeout bounds one request to the authority.
const authorityTimeout = 30 * time.Second

// client returns the client, and makes it the first time.
func (m *Manager) authority() (*client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client != nil {
		return m.client, nil
	}
	c := m.opts.Config
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		roots, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fault.New(fault.Config, "ca_file", "%s holds no certificate", c.CAFile)
		}
	}
	p := &patience{next: t}
	k := &client{patience: p}
	k.Client.Client = &acme.Client{
		Directory: c.Directory, HTTPClient: &http.Client{Transport: p, Timeout: authorityTimeout}, UserAgent: "Holdfast",
		PollTimeout: orderTimeout, Logger: slog.New(quieter{m.log.Handler()}),
	}
	k.ChallengeSolvers = map[string]acmez.Solver{acme.ChallengeTypeTLSALPN01: solver{m.store}}
	if m.opts.HTTP {
		k.ChallengeSolvers[acme.ChallengeTypeHTTP01] = solver{m.store}
	}
	m.client = k
	return k, nil
}

// quieter tells what the client says one level lower: what it takes for an error may be a first try, and the outcome is told by us.
type quieter struct{ slog.Handler }

func lower(l slog.Level) slog.Level { return l - 4 }

// Enabled implements slog.Handler.
func (q quieter) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, lower(l))
}

// Handle implements slog.Handler.
func (q quieter) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lower(r.Level)
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q quieter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quieter{q.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (q quieter) WithGroup(name string) slog.Handler { return quieter{q.Handler.WithGroup(name)} }

// patience notes when the authority said that it does not want to be asked for a while.
type patience struct {
	next http.RoundTripper

	mu    sync.Mutex // protects the following
	until time.Time
}

// RoundTrip implements http.RoundTripper.
func (p *patience) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.next.RoundTrip(r)
	if err == nil && (resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable) {
		p.note(resp.Header.Get("Retry-After"))
	}
	return resp, err
}

// note reads a Retry-After (RFC 9110 section 10.2.3), a week at most.
func (p *patience) note(text string) {
	var until time.Time
	if seconds, err := strconv.Atoi(text); err == nil {
		until = time.Now().Add(time.Duration(seconds) * time.Second)
	} else if at, err := http.ParseTime(text); err == nil {
		until = at
	}
	if most := time.Now().Add(7 * 24 * time.Hour); until.After(most) {
		until = most
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

func (p *patience) over() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until
}

// account returns the account that all processes share, and makes it if there is none.
func (m *Manager) account(ctx context.Context, c *client) (acme.Account, error) {
	a, err := m.knownAccount(ctx)
	if !errors.Is(err, pgx.ErrNoRows) {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*leaseTime)
	defer cancel()
	under, held, err := m.leases.await(ctx, "account "+m.store.directory+" "+m.opts.Config.Email)
	if err != nil {
		return a, err
	}
	defer held.give()
	a, err = m.knownAccount(under)
	if !errors.Is(err, pgx.ErrNoRows) {
		return a, err // another process made it meanwhile
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a, err
	}
	a = acme.Account{TermsOfServiceAgreed: m.opts.Config.AcceptTerms, PrivateKey: key}
	if m.opts.Config.Email != "" {
		a.Contact = []string{"mailto:" + m.opts.Config.Email}
	}
	if a, err = c.NewAccount(under, a); err != nil {
		return a, fmt.Errorf("register with the authority: %w", err)
	}
	m.log.InfoContext(ctx, "registered with the authority", "directory", m.store.directory, "account", a.Location)
	return a, m.keepAccount(under, held, a)
}

func (m *Manager) accountPurpose() string {
	return "account\x00" + m.store.directory + "\x00" + m.opts.Config.Email
}

// knownAccount reads the account; pgx.ErrNoRows when there is none.
func (m *Manager) knownAccount(ctx context.Context) (acme.Account, error) {
	a := acme.Account{Status: acme.StatusValid, TermsOfServiceAgreed: true}
	var sealed []byte
	err := m.opts.DB.QueryRow(ctx, `SELECT location, sealed_key FROM `+m.opts.DB.Schema()+`.certs_accounts WHERE directory = $1 AND email = $2`,
		m.store.directory, m.opts.Config.Email).Scan(&a.Location, &sealed)
	if err != nil {
		return a, err
	}
	a.PrivateKey, err = m.store.sealer.open(m.accountPurpose(), sealed)
	return a, err
}

func (m *Manager) keepAccount(ctx context.Context, l *lease, a acme.Account) error {
	sealed, err := m.store.sealer.seal(m.accountPurpose(), a.PrivateKey)
	if err != nil {
		return err
	}
	return m.store.fenced(ctx, l, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO `+m.opts.DB.Schema()+`.certs_accounts (directory, email, location, sealed_key) VALUES ($1, $2, $3, $4)`,
			m.store.directory, m.opts.Config.Email, a.Location, sealed)
		return err
	})
}

// forgetAccount makes room for a new one, when the authority says that it does not know the account.
func (m *Manager) forgetAccount(ctx context.Context, location string) error {
	_, err := m.opts.DB.Exec(ctx, `DELETE FROM `+m.opts.DB.Schema()+`.certs_accounts WHERE directory = $1 AND location = $2`,
		m.store.directory, location)
	return err
}
