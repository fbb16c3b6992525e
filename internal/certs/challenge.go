package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

const (
	// challengeLife is how long a challenge may be answered; an order does not last longer.
	challengeLife = 10 * time.Minute
	// challengeWait bounds the look-up for a stranger who asks as an authority would.
	challengeWait = 5 * time.Second
	// challengeBase is where an authority asks over HTTP (RFC 8555 section 8.3).
	challengeBase = "/.well-known/acme-challenge/"
)

// solver puts challenges where every process finds them; it is an acmez.Solver.
type solver struct{ store *store }

// Present implements acmez.Solver.
func (s solver) Present(ctx context.Context, c acme.Challenge) error {
	_, err := s.store.db.Exec(ctx, `
INSERT INTO `+s.store.db.Schema()+`.certs_challenges (host, kind, token, answer, until)
VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
ON CONFLICT (host, kind, token) DO UPDATE SET answer = excluded.answer, until = excluded.until`,
		strings.ToLower(c.Identifier.Value), c.Type, c.Token, c.KeyAuthorization, challengeLife.Seconds())
	if err != nil {
		return fmt.Errorf("store challenge: %w", err)
	}
	return nil
}

// CleanUp implements acmez.Solver. It takes those of dead processes along.
func (s solver) CleanUp(ctx context.Context, c acme.Challenge) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseAnswer)
	defer cancel()
	_, err := s.store.db.Exec(ctx, `
DELETE FROM `+s.store.db.Schema()+`.certs_challenges WHERE host = $1 AND kind = $2 AND token = $3 OR until < now()`,
		strings.ToLower(c.Identifier.Value), c.Type, c.Token)
	return err
}

// answer returns what the authority has to be told. An empty token stands for the newest one.
func (m *Manager) answer(ctx context.Context, host, kind, token string) (string, error) {
	m.mu.Lock()
	ours := slices.Contains(m.hosts, host)
	m.mu.Unlock()
	if !ours {
		return "", pgx.ErrNoRows
	}
	ctx, cancel := context.WithTimeout(ctx, challengeWait)
	defer cancel()
	select {
	case m.lookups <- struct{}{}:
		defer func() { <-m.lookups }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	var text string
	err := m.opts.DB.QueryRow(ctx, `
SELECT answer FROM `+m.opts.DB.Schema()+`.certs_challenges
WHERE host = $1 AND kind = $2 AND ($3 = '' OR token = $3) AND until > now() ORDER BY until DESC LIMIT 1`, host, kind, token).Scan(&text)
	return text, err
}

// AnswerHTTP answers an authority that asks over HTTP for a token of ours, and reports whether it did. Whatever else is asked for
// is left to others.
func (m *Manager) AnswerHTTP(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.URL.Path, challengeBase)
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead || !isToken(token) {
		return false
	}
	text, err := m.answer(r.Context(), plainHost(r.Host), acme.ChallengeTypeHTTP01, token)
	if err != nil {
		if !errors.Is(err, pgx.ErrNoRows) && r.Context().Err() == nil {
			m.log.WarnContext(r.Context(), "challenge not looked up", "error", err)
		}
		return false
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, text) // the authority asks again
	return true
}

// isToken reports whether text can be a token: base64url, 128 bits at least (RFC 8555 section 8.1).
func isToken(text string) bool {
	return len(text) >= 20 && len(text) <= 256 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// plainHost returns the host without its port, in lower case.
func plainHost(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// Challenge returns the certificate with which an authority is answered that shakes hands for acme-tls/1 (RFC 8737); it is a
// tls.Config's GetCertificate.
func (m *Manager) Challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := plainHost(hello.ServerName)
	text, err := m.answer(hello.Context(), host, acme.ChallengeTypeTLSALPN01, "")
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // refused: unrecognized_name
	}
	if err != nil {
		return nil, err
	}
	return acmez.TLSALPN01ChallengeCert(acme.Challenge{
		Identifier: acme.Identifier{Type: "dns", Value: host}, KeyAuthorization: text,
	})
}

// NamesOf returns the hosts that a certificate is for.
func NamesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// IssuerOf returns who signed a certificate, in words.
func IssuerOf(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 && !strings.Contains(name, c.Issuer.Organization[0]) {
		name = strings.TrimSpace(c.Issuer.Organization[0] + " " + name)
	}
	return name
}
