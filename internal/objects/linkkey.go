package objects

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/secret"
)

// LinkKey signs and verifies browser links of one bucket. See package link.
type LinkKey struct {
	ID          string // 8 characters [a-z0-9]
	Bucket      string
	Secret      Secret
	Epoch       int64     // the bucket's epoch; part of the key derivation
	SignFrom    time.Time // newest key whose SignFrom has passed signs
	VerifyUntil time.Time // zero: no end
	Revoked     time.Time
}

const (
	// spread is how long a new link key verifies before it signs, so that every process knows it by then.
	spread = 2 * time.Second
	// missWait bounds the question to the database for a link key that memory does not know.
	missWait = 250 * time.Millisecond
)

const linkKeyQuery = `SELECT k.id, b.name, k.secret, b.epoch, k.sign_from, k.verify_until, k.revoked
	FROM {s}.link_keys k JOIN {s}.buckets b ON b.id = k.bucket `

func (k *LinkKey) scan(row pgx.Row) error {
	var (
		plain          string
		until, revoked *time.Time
	)
	err := row.Scan(&k.ID, &k.Bucket, &plain, &k.Epoch, &k.SignFrom, &until, &revoked)
	k.Secret, k.VerifyUntil, k.Revoked = secret.New(plain), orZero(until), orZero(revoked)
	return err
}

func scanLinkKeys(rows pgx.Rows, err error) ([]LinkKey, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []LinkKey
	for rows.Next() {
		var k LinkKey
		if err := k.scan(rows); err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// readLinkKeys reads the keys that may still verify.
func (x *Index) readLinkKeys(ctx context.Context, tx pgx.Tx) (map[string]LinkKey, error) {
	list, err := scanLinkKeys(tx.Query(ctx, x.q(linkKeyQuery+`WHERE k.revoked IS NULL
		AND (k.verify_until IS NULL OR k.verify_until > now())`)))
	all := make(map[string]LinkKey, len(list))
	for _, k := range list {
		all[k.ID] = k
	}
	return all, err
}

// LinkKey answers from memory: ErrNoSuchLinkKey for unknown, revoked and ended keys. For an id that memory does not know
// the database is asked, for a quarter of a second at most: the key may have been made a moment ago elsewhere.
func (x *Index) LinkKey(id string) (LinkKey, error) {
	k, ok := x.cachedLinkKey(id)
	if !ok && linkKeyShape(id) {
		ctx, cancel := context.WithTimeout(context.Background(), missWait)
		defer cancel()
		if x.refresh(ctx) == nil {
			k, ok = x.cachedLinkKey(id)
		}
	}
	if !ok || ended(k.VerifyUntil, time.Now()) {
		return LinkKey{}, fmt.Errorf("link key %.16q: %w", id, ErrNoSuchLinkKey)
	}
	return k, nil
}

// KnownLinkKey is LinkKey without asking anybody: false for ids that memory does not know, and for ended keys.
func (x *Index) KnownLinkKey(id string) (LinkKey, bool) {
	k, ok := x.cachedLinkKey(id)
	return k, ok && (k.VerifyUntil.IsZero() || !ended(k.VerifyUntil, time.Now()))
}

func (x *Index) cachedLinkKey(id string) (LinkKey, bool) {
	s := x.settings.Load()
	if s == nil {
		return LinkKey{}, false
	}
	k, ok := s.linkKeys[id]
	return k, ok
}

const linkKeyAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

func newLinkKeyID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	for i := range b {
		b[i] = linkKeyAlphabet[b[i]%byte(len(linkKeyAlphabet))] // 32 divides 256: no letter is likelier
	}
	return string(b[:])
}

func linkKeyShape(id string) bool {
	if len(id) != 8 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// SigningKey returns the newest key of the bucket that signs now. Every bucket has one, unless all were revoked; then a
// new one is made.
func (x *Index) SigningKey(ctx context.Context, bucket string) (LinkKey, error) {
	if _, err := x.bucket(ctx, bucket); err != nil {
		return LinkKey{}, err
	}
	if k, ok := x.settings.Load().signing(bucket, time.Now()); ok {
		return k, nil
	}
	return x.RotateLinkKey(ctx, bucket, 0)
}

// signing returns the newest key whose time to sign has come.
func (s *settings) signing(bucket string, now time.Time) (best LinkKey, ok bool) {
	for _, k := range s.linkKeys {
		if k.Bucket != bucket || k.SignFrom.After(now) || ended(k.VerifyUntil, now) {
			continue
		}
		if !ok || k.SignFrom.After(best.SignFrom) || k.SignFrom.Equal(best.SignFrom) && k.ID > best.ID {
			best, ok = k, true
		}
	}
	return best, ok
}

// LinkKeys lists a bucket's keys, revoked and ended ones too, in the order in which they were made.
func (x *Index) LinkKeys(ctx context.Context, bucket string) ([]LinkKey, error) {
	var list []LinkKey
	err := x.withBucket(ctx, bucket, func(b *bucketRow) error {
		limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
		defer cancel()
		var err error
		list, err = scanLinkKeys(x.db.Query(limited, x.q(linkKeyQuery+"WHERE k.bucket = $1 ORDER BY k.created, k.id"), b.id))
		return dbError(ctx, "list link keys", err)
	})
	return list, err
}

// insertLinkKey makes a key; signFrom zero: it signs at once.
func (x *Index) insertLinkKey(ctx context.Context, tx pgx.Tx, bucket int32, signFrom time.Time) (string, error) {
	id := newLinkKeyID()
	_, err := tx.Exec(ctx, x.q(`INSERT INTO {s}.link_keys (id, bucket, secret, sign_from) VALUES ($1, $2, $3, coalesce($4, now()))`),
		id, bucket, secret.Generate(32).Reveal(), orNull(signFrom))
	return id, err
}

// RotateLinkKey makes a new signing key; older ones verify for overlap longer. While an older one may go on, the new one
// signs only after two seconds, when every process knows it.
func (x *Index) RotateLinkKey(ctx context.Context, bucket string, overlap time.Duration) (LinkKey, error) {
	var k LinkKey
	err := x.change(ctx, "rotate link key", func(ctx context.Context, tx pgx.Tx) error {
		var b bucketRow
		if err := x.lockBucketRow(ctx, tx, bucket, &b); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, x.q(`UPDATE {s}.link_keys
			SET verify_until = least(verify_until, now() + $2 * interval '1 microsecond')
			WHERE bucket = $1 AND revoked IS NULL AND (verify_until IS NULL OR verify_until > now())`),
			b.id, overlap.Microseconds())
		if err != nil {
			return err
		}
		var from time.Time
		if overlap > spread && tag.RowsAffected() > 0 {
			from = time.Now().Add(spread)
		}
		id, err := x.insertLinkKey(ctx, tx, b.id, from)
		if err != nil {
			return err
		}
		return k.scan(tx.QueryRow(ctx, x.q(linkKeyQuery+"WHERE k.id = $1"), id))
	})
	return k, err
}

// RevokeLinkKey kills every link that the key signed. If no other key of the bucket signs, it gets a new one.
func (x *Index) RevokeLinkKey(ctx context.Context, id string) error {
	return x.change(ctx, "revoke link key", func(ctx context.Context, tx pgx.Tx) error {
		var bucket int32
		var left bool
		err := tx.QueryRow(ctx, x.q("UPDATE {s}.link_keys SET revoked = now() WHERE id = $1 AND revoked IS NULL RETURNING bucket"),
			id).Scan(&bucket)
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal{fmt.Errorf("link key %.16q: %w", id, ErrNoSuchLinkKey)}
		}
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, x.q(`SELECT EXISTS (SELECT FROM {s}.link_keys WHERE bucket = $1 AND revoked IS NULL
			AND sign_from <= now() AND verify_until IS NULL)`), bucket).Scan(&left)
		if err == nil && !left {
			_, err = x.insertLinkKey(ctx, tx, bucket, time.Time{})
		}
		return err
	})
}

// RevokeLinks kills every link of the bucket by raising its epoch.
func (x *Index) RevokeLinks(ctx context.Context, bucket string) error {
	return x.change(ctx, "revoke links", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, x.q("UPDATE {s}.buckets SET epoch = epoch + 1 WHERE name = $1"), bucket)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal{fmt.Errorf("bucket %q: %w", bucket, ErrNoSuchBucket)}
		}
		return err
	})
}

// lockBucketRow reads a bucket's row and keeps others from changing it. Commits go on.
func (x *Index) lockBucketRow(ctx context.Context, tx pgx.Tx, name string, b *bucketRow) error {
	err := b.scan(tx.QueryRow(ctx, x.q("SELECT "+bucketColumns+" FROM {s}.buckets WHERE name = $1 FOR UPDATE"), name))
	if errors.Is(err, pgx.ErrNoRows) {
		return refusal{fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket)}
	}
	return err
}
