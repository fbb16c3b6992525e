package certs

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// store reads and writes the tables, for one directory.
type store struct {
	db        Database
	sealer    sealer
	directory string
}

// issued is a row of certs_issued.
type issued struct {
	host      string
	chain     string // PEM
	sealedKey []byte // nil: not read, because it is known
	renewAt   time.Time
	askAt     time.Time
	fence     int64 // 0: there is no row
}

// failure is a row of certs_failures; the zero value for none.
type failure struct {
	count   int
	text    string
	retryAt time.Time
}

// issued returns the certificates of hosts. Of those that are known by their fence chain and key are left out.
func (s *store) issued(ctx context.Context, hosts []string, known map[string]int64) (map[string]issued, error) {
	names, fences := make([]string, 0, len(known)), make([]int64, 0, len(known))
	for host, fence := range known {
		names, fences = append(names, host), append(fences, fence)
	}
	rows, err := s.db.Query(ctx, `
SELECT i.host, i.renew_at, i.ask_at, i.fence,
       CASE WHEN k.fence IS NULL THEN i.chain ELSE '' END, CASE WHEN k.fence IS NULL THEN i.sealed_key END
FROM `+s.db.Schema()+`.certs_issued i
LEFT JOIN unnest($3::text[], $4::bigint[]) AS k (host, fence) ON k.host = i.host AND k.fence = i.fence
WHERE i.directory = $1 AND i.host = ANY ($2)`, s.directory, hosts, names, fences)
	if err != nil {
		return nil, err
	}
	all := map[string]issued{}
	var i issued
	_, err = pgx.ForEachRow(rows, []any{&i.host, &i.renewAt, &i.askAt, &i.fence, &i.chain, &i.sealedKey}, func() error {
		all[i.host] = i
		i.sealedKey = nil
		return nil
	})
	return all, err
}

// failures returns what went wrong with hosts.
func (s *store) failures(ctx context.Context, hosts []string) (map[string]failure, error) {
	rows, err := s.db.Query(ctx, `
SELECT host, count, error, retry_at FROM `+s.db.Schema()+`.certs_failures WHERE directory = $1 AND host = ANY ($2)`, s.directory, hosts)
	if err != nil {
		return nil, err
	}
	all := map[string]failure{}
	var host string
	var f failure
	_, err = pgx.ForEachRow(rows, []any{&host, &f.count, &f.text, &f.retryAt}, func() error {
		all[host] = f
		return nil
	})
	return all, err
}

// open makes a certificate of a row.
func (s *store) open(row issued) (*tls.Certificate, error) {
	key, err := s.sealer.open(s.keyPurpose(row.host), row.sealedKey)
	if err != nil {
		return nil, err
	}
	cert := &tls.Certificate{PrivateKey: key}
	for rest := []byte(row.chain); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert.Certificate = append(cert.Certificate, block.Bytes)
	}
	if len(cert.Certificate) == 0 {
		return nil, errors.New("the chain is empty")
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return nil, err
	}
	return cert, nil
}

func (s *store) keyPurpose(host string) string {
	return "certificate\x00" + s.directory + "\x00" + host
}

// errLeaseLost is what a process gets that stores something after its lease went to another.
var errLeaseLost = fault.New(fault.Conflict, "lease_lost", "the lease went to another process meanwhile")

// fenced runs f in a transaction in which the lease cannot go to another, or refuses.
func (s *store) fenced(ctx context.Context, l *lease, f func(tx pgx.Tx) error) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		var held bool
		err := tx.QueryRow(ctx, `SELECT true FROM `+s.db.Schema()+`.certs_leases WHERE name = $1 AND fence = $2 FOR SHARE`,
			l.name, l.fence).Scan(&held)
		if errors.Is(err, pgx.ErrNoRows) {
			return errLeaseLost
		}
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// save stores a new certificate, and forgets what went wrong before.
func (s *store) save(ctx context.Context, l *lease, row issued, key crypto.Signer, notAfter time.Time) error {
	sealed, err := s.sealer.seal(s.keyPurpose(row.host), key)
	if err != nil {
		return err
	}
	return s.fenced(ctx, l, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO `+s.db.Schema()+`.certs_issued (directory, host, chain, sealed_key, not_after, renew_at, ask_at, fence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (directory, host) DO UPDATE SET chain = excluded.chain, sealed_key = excluded.sealed_key, not_after = excluded.not_after,
    renew_at = excluded.renew_at, ask_at = excluded.ask_at, fence = excluded.fence, issued = now()`,
			s.directory, row.host, row.chain, sealed, notAfter, row.renewAt, row.askAt, l.fence)
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM `+s.db.Schema()+`.certs_failures WHERE directory = $1 AND host = $2`, s.directory, row.host)
		}
		return err
	})
}

// reschedule notes when to renew, and when to ask about that again.
func (s *store) reschedule(ctx context.Context, l *lease, host string, renewAt, askAt time.Time) error {
	return s.fenced(ctx, l, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE `+s.db.Schema()+`.certs_issued SET renew_at = $3, ask_at = $4 WHERE directory = $1 AND host = $2`,
			s.directory, host, renewAt, askAt)
		return err
	})
}

// failed notes that an order failed, and when the next one may be placed.
func (s *store) failed(ctx context.Context, l *lease, host string, f failure) error {
	return s.fenced(ctx, l, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO `+s.db.Schema()+`.certs_failures (directory, host, count, error, failed, retry_at) VALUES ($1, $2, $3, $4, now(), $5)
ON CONFLICT (directory, host) DO UPDATE SET count = excluded.count, error = excluded.error, failed = now(), retry_at = excluded.retry_at`,
			s.directory, host, f.count, f.text, f.retryAt)
		return err
	})
}

// current returns what the database has of a host at this moment.
func (s *store) current(ctx context.Context, host string) (issued, failure, error) {
	rows, err := s.issued(ctx, []string{host}, nil)
	if err != nil {
		return issued{}, failure{}, err
	}
	fails, err := s.failures(ctx, []string{host})
	return rows[host], fails[host], err
}
