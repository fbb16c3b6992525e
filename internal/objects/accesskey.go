package objects

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/secret"
)

// AccessKey is an app's S3 credential. The secret is kept encrypted in PostgreSQL.
type AccessKey struct {
	ID       string // 20 characters, upper case and digits
	App      string
	Secret   Secret
	Policy   Policy
	Created  time.Time
	NotAfter time.Time // zero: until revoked; set on the old key when rotated with overlap
	Revoked  time.Time
	LastUsed time.Time // day precision, written at most once an hour
}

// sealedKey is an access key as it is cached: opened once, or with the reason why it cannot be.
type sealedKey struct {
	AccessKey
	err error
}

const accessKeyColumns = "id, app, secret, policy, created, not_after, revoked, last_used"

func (x *Index) scanAccessKey(row pgx.Row) (*sealedKey, error) {
	var (
		k                        sealedKey
		sealed                   []byte
		notAfter, revoked, lastU *time.Time
	)
	err := row.Scan(&k.ID, &k.App, &sealed, &k.Policy, &k.Created, &notAfter, &revoked, &lastU)
	if err != nil {
		return nil, err
	}
	k.NotAfter, k.Revoked, k.LastUsed = orZero(notAfter), orZero(revoked), orZero(lastU)
	k.Secret, k.err = x.seal.open(k.ID, sealed)
	return &k, nil
}

// readAccessKeys reads the keys that may still be used.
func (x *Index) readAccessKeys(ctx context.Context, tx pgx.Tx) (map[string]*sealedKey, error) {
	rows, err := tx.Query(ctx, x.q("SELECT "+accessKeyColumns+` FROM {s}.access_keys
		WHERE revoked IS NULL AND (not_after IS NULL OR not_after > now())`))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]*sealedKey{}
	for rows.Next() {
		k, err := x.scanAccessKey(rows)
		if err != nil {
			return nil, err
		}
		all[k.ID] = k
	}
	return all, rows.Err()
}

// checkSeal refuses to start with a master key that opens none of the access keys.
func (x *Index) checkSeal() error {
	var first error
	for _, k := range x.settings.Load().accessKeys {
		if k.err == nil {
			return nil
		}
		first = k.err
	}
	return first
}

// CreateAccessKey makes a key for an app. Its secret is in the result, and can be read again by AccessKey.
func (x *Index) CreateAccessKey(ctx context.Context, app string, p Policy, notAfter time.Time) (AccessKey, error) {
	if err := p.check(); err != nil {
		return AccessKey{}, err
	}
	k := newAccessKey(app, p, notAfter)
	err := x.change(ctx, "create access key", func(ctx context.Context, tx pgx.Tx) error {
		return x.insertAccessKey(ctx, tx, &k)
	})
	return k, err
}

// newAccessKey makes an id of 100 random bits and a secret of 240, in the shapes that clients expect of S3.
func newAccessKey(app string, p Policy, notAfter time.Time) AccessKey {
	var b [30]byte
	_, _ = rand.Read(b[:])
	id := base32.StdEncoding.EncodeToString(b[:20])[:18]
	_, _ = rand.Read(b[:])
	return AccessKey{
		ID: "HF" + id, App: app, Secret: secret.New(base64.RawURLEncoding.EncodeToString(b[:])), Policy: p, NotAfter: notAfter,
	}
}

func (x *Index) insertAccessKey(ctx context.Context, tx pgx.Tx, k *AccessKey) error {
	sealed, err := x.seal.seal(k.ID, k.Secret)
	if err != nil {
		return refusal{err}
	}
	return tx.QueryRow(ctx, x.q(`INSERT INTO {s}.access_keys (id, app, secret, policy, not_after)
		VALUES ($1, $2, $3, $4, $5) RETURNING created`), k.ID, k.App, sealed, k.Policy, orNull(k.NotAfter)).Scan(&k.Created)
}

// AccessKey answers from memory; a revoked, expired or unknown key is ErrNoSuchAccessKey within a second everywhere.
func (x *Index) AccessKey(ctx context.Context, id string) (AccessKey, error) {
	k := x.cachedKey(id)
	if k == nil && accessKeyShape(id) {
		if err := x.refresh(ctx); err != nil {
			return AccessKey{}, fmt.Errorf("access key: %w", err)
		}
		k = x.cachedKey(id)
	}
	if k == nil || ended(k.NotAfter, time.Now()) {
		return AccessKey{}, fmt.Errorf("access key %.20q: %w", id, ErrNoSuchAccessKey)
	}
	if k.err != nil {
		return AccessKey{}, k.err
	}
	x.used.mark(id)
	return k.AccessKey, nil
}

func (x *Index) cachedKey(id string) *sealedKey {
	if s := x.settings.Load(); s != nil {
		return s.accessKeys[id]
	}
	return nil
}

// accessKeyShape spares the database the question for what cannot be one of our ids.
func accessKeyShape(id string) bool {
	if len(id) != 20 || id[:2] != "HF" {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// AccessKeys lists all keys, revoked and ended ones too, in the order in which they were made.
func (x *Index) AccessKeys(ctx context.Context) ([]AccessKey, error) {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	rows, err := x.db.Query(limited, x.q("SELECT "+accessKeyColumns+" FROM {s}.access_keys ORDER BY created, id"))
	if err != nil {
		return nil, dbError(ctx, "list access keys", err)
	}
	defer rows.Close()
	var list []AccessKey
	for rows.Next() {
		k, err := x.scanAccessKey(rows)
		if err != nil {
			return nil, dbError(ctx, "list access keys", err)
		}
		list = append(list, k.AccessKey)
	}
	return list, dbError(ctx, "list access keys", rows.Err())
}

// RotateAccessKey makes a new key with the same app and policy; the old one works for overlap longer.
func (x *Index) RotateAccessKey(ctx context.Context, id string, overlap time.Duration) (AccessKey, error) {
	var k AccessKey
	err := x.change(ctx, "rotate access key", func(ctx context.Context, tx pgx.Tx) error {
		old, err := x.scanAccessKey(tx.QueryRow(ctx, x.q("SELECT "+accessKeyColumns+` FROM {s}.access_keys
			WHERE id = $1 AND revoked IS NULL AND (not_after IS NULL OR not_after > now()) FOR UPDATE`), id))
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal{fmt.Errorf("access key %.20q: %w", id, ErrNoSuchAccessKey)}
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, x.q(`UPDATE {s}.access_keys SET not_after = least(not_after, now() + $2 * interval '1 microsecond')
			WHERE id = $1`), id, overlap.Microseconds())
		if err != nil {
			return err
		}
		k = newAccessKey(old.App, old.Policy, time.Time{})
		return x.insertAccessKey(ctx, tx, &k)
	})
	return k, err
}

// RevokeAccessKey ends a key for good.
func (x *Index) RevokeAccessKey(ctx context.Context, id string) error {
	return x.change(ctx, "revoke access key", func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, x.q("UPDATE {s}.access_keys SET revoked = now() WHERE id = $1 AND revoked IS NULL"), id)
		if err == nil && tag.RowsAffected() == 0 {
			return refusal{fmt.Errorf("access key %.20q: %w", id, ErrNoSuchAccessKey)}
		}
		return err
	})
}

// usedKeys remembers which access keys were used since it was last emptied. The zero value is ready to use.
type usedKeys struct {
	mu  sync.RWMutex // protects ids
	ids map[string]struct{}
}

func (u *usedKeys) mark(id string) {
	u.mu.RLock()
	_, known := u.ids[id]
	u.mu.RUnlock()
	if known {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids == nil {
		u.ids = map[string]struct{}{}
	}
	u.ids[id] = struct{}{}
}

func (u *usedKeys) take() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := make([]string, 0, len(u.ids))
	for id := range u.ids {
		ids = append(ids, id)
	}
	u.ids = nil
	return ids
}

// noteUse writes down which access keys were used.
func (x *Index) noteUse(ctx context.Context) error {
	ids := x.used.take()
	if len(ids) == 0 {
		return nil
	}
	_, err := x.exec(ctx, "note use of access keys", `UPDATE {s}.access_keys SET last_used = current_date
		WHERE id = ANY ($1) AND (last_used IS NULL OR last_used < current_date)`, ids)
	if err != nil {
		for _, id := range ids {
			x.used.mark(id)
		}
	}
	return err
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
