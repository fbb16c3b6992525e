package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"

	"holdfast/internal/fault"
)

const (
	// orderTimeout bounds an order as a whole; an authority that validates from many places takes a minute.
	orderTimeout = 5 * time.Minute
	// noteTimeout bounds what is noted after it.
	noteTimeout = 10 * time.Second
	// askEvery is how often the authority is asked when to renew, unless it says so itself (RFC 9773 section 4.3).
	askEvery = 6 * time.Hour
)

// order renews the certificate of a host, or gets the first one, unless another process is at it. It reports whether there is
// something new in the database.
func (m *Manager) order(ctx context.Context, host string) bool {
	under, held, err := m.leases.take(ctx, "host "+m.store.directory+" "+host)
	if err != nil {
		if !errors.Is(err, errTaken) && ctx.Err() == nil {
			m.log.WarnContext(ctx, "certificate not ordered", "host", host, "error", err)
		}
		return false
	}
	defer held.give()
	row, fail, err := m.store.current(under, host)
	now := time.Now()
	switch {
	case err != nil:
		m.log.WarnContext(ctx, "certificate not ordered", "host", host, "error", err)
	case now.Before(fail.retryAt):
	case row.fence == 0 || !now.Before(row.renewAt):
		m.place(under, held, host, row, fail)
		return true
	case !now.Before(row.askAt):
		if err := m.ask(under, held, row); err != nil && ctx.Err() == nil {
			m.log.WarnContext(ctx, "authority not asked when to renew", "host", host, "error", err)
		}
		return true
	}
	return row.fence != 0
}

// place places an order under a lease, and notes what came of it.
func (m *Manager) place(ctx context.Context, held *lease, host string, row issued, fail failure) {
	m.log.InfoContext(ctx, "certificate ordered", "host", host, "directory", m.store.directory)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, orderTimeout)
	err := m.obtain(limited, held, host, row)
	cancel()
	if err == nil {
		m.log.InfoContext(ctx, "certificate issued", "host", host, "took", time.Since(began).Round(time.Millisecond).String())
		return
	}
	if cause := context.Cause(ctx); cause != nil { // the process stops, or another one is at it: no failure of the host's
		m.log.WarnContext(ctx, "order given up", "host", host, "error", cause)
		return
	}
	next := failure{count: fail.count + 1, text: err.Error()}
	next.retryAt = time.Now().Add(pauseAfter(err, next.count))
	if p := m.patienceOver(); p.After(next.retryAt) {
		next.retryAt = p
	}
	m.log.ErrorContext(ctx, "certificate not issued", "host", host, "error", err, "retry_at", next.retryAt.UTC().Format(time.RFC3339))
	if fault.CodeOf(err) == "master_key_wrong" { // of this process alone: those with the right key must not wait for it
		m.keepToMyself(host, next)
		return
	}
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := m.store.failed(noting, held, host, next); err != nil {
		m.log.WarnContext(ctx, "failure not noted", "host", host, "error", err)
		m.keepToMyself(host, next) // so that this process at least does not ask again at once
	}
}

// keepToMyself remembers a failure in this process.
func (m *Manager) keepToMyself(host string, f failure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.held[host]; h != nil {
		h.local = f
	}
}

func (m *Manager) patienceOver() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.client == nil {
		return time.Time{}
	}
	return m.client.patience.over()
}

// obtain goes through an order: account, challenge, certificate, storing.
func (m *Manager) obtain(ctx context.Context, held *lease, host string, row issued) error {
	c, err := m.authority()
	if err != nil {
		return err
	}
	account, err := m.account(ctx, c)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	csr, err := acmez.NewCSR(key, []string{host})
	if err != nil {
		return err
	}
	params, err := acmez.OrderParametersFromCSR(account, csr)
	if err != nil {
		return err
	}
	params.Profile, params.Replaces = m.opts.Config.Profile, m.replaced(row)
	chains, err := c.ObtainCertificate(ctx, params)
	var p acme.Problem
	if errors.As(err, &p) && p.Type == acme.ProblemTypeAccountDoesNotExist {
		return errors.Join(err, m.forgetAccount(ctx, account.Location))
	}
	if err != nil {
		return err
	}
	leaf, err := checkChain(chains, host, key)
	if err != nil {
		return err
	}
	next := issued{host: host, chain: string(chains[0].ChainPEM)}
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	// When two thirds of its life are over, each certificate a little before, so that many do not come at once.
	renewAt := leaf.NotAfter.Add(-life/3 - mathrand.N(life/30+1))
	next.renewAt, next.askAt = m.schedule(ctx, c, leaf, renewAt)
	return m.store.save(ctx, held, next, key, leaf.NotAfter)
}

// replaced returns the certificate that an order is to take the place of, which authorities let pass limits (RFC 9773 section 5);
// nil when there is none, or it cannot be read.
func (m *Manager) replaced(row issued) *x509.Certificate {
	if row.fence == 0 {
		return nil
	}
	return leafOf(row.chain)
}

func leafOf(chain string) *x509.Certificate {
	block, _ := pem.Decode([]byte(chain))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(leaf.AuthorityKeyId) == 0 {
		return nil
	}
	return leaf
}

// checkChain makes sure that what the authority sent can be used: visitors are not the ones to find out.
func checkChain(chains []acme.Certificate, host string, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if len(chains) == 0 {
		return nil, errors.New("the authority sent no certificate")
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(chains[0].ChainPEM, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	if err != nil {
		return nil, fmt.Errorf("what the authority sent: %w", err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("what the authority sent: %w", err)
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return nil, fmt.Errorf("what the authority sent: %w", err)
	}
	if now := time.Now(); now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("what the authority sent ran out on %s: check the clock of this machine", leaf.NotAfter.Format(time.DateOnly))
	}
	return leaf, nil
}

// ask finds out whether the authority wants a certificate to be renewed at another time.
func (m *Manager) ask(ctx context.Context, held *lease, row issued) error {
	leaf := leafOf(row.chain)
	if leaf == nil {
		return errors.New("the certificate cannot be read")
	}
	c, err := m.authority()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	renewAt, askAt := m.schedule(ctx, c, leaf, row.renewAt)
	return m.store.reschedule(ctx, held, row.host, renewAt, askAt)
}

// schedule returns when a certificate is to be renewed, and when to ask about that again: as planned, unless the authority says
// otherwise (ARI, RFC 9773).
func (m *Manager) schedule(ctx context.Context, c *client, leaf *x509.Certificate, planned time.Time) (renewAt, askAt time.Time) {
	renewAt, askAt = planned, time.Now().Add(askEvery)
	info, err := c.GetRenewalInfo(ctx, leaf)
	if err != nil {
		if !errors.Is(err, acme.ErrUnsupported) && ctx.Err() == nil {
			m.log.WarnContext(ctx, "authority does not say when to renew", "error", err)
		}
		return renewAt, askAt
	}
	w := info.SuggestedWindow
	if info.HasWindow() && (planned.Before(w.Start) || planned.After(w.End)) && info.SelectedTime.Before(leaf.NotAfter) {
		renewAt = info.SelectedTime
	}
	// Never again before a tenth of its life is over, whatever the authority says: an order after each order would end in limits.
	if floor := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 10); renewAt.Before(floor) {
		renewAt = floor
	}
	if info.RetryAfter != nil && info.RetryAfter.After(time.Now()) {
		askAt = *info.RetryAfter
	}
	return renewAt, askAt
}

// pauseAfter returns how long to wait after the nth failure in a row. What the authority refused it refuses again until somebody
// changed something, and counts; one that cannot be reached may be back soon.
func pauseAfter(err error, n int) time.Duration {
	steps := []time.Duration{
		10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
	}
	var p acme.Problem
	if errors.As(err, &p) {
		steps = []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour}
		if p.Type == acme.ProblemTypeAccountDoesNotExist {
			steps = steps[:1]
		}
		if p.Type == acme.ProblemTypeRateLimited {
			n += 2
		}
	}
	pause := steps[min(max(n, 1), len(steps))-1]
	return pause + mathrand.N(pause/10)
}
