package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// Slot is the right to upload one object once.
type Slot struct {
	ID          string
	Bucket, Key string
	MaxSize     int64
	Type        string // media type that the sniffed content must have; "" any; "image/*" allowed
	Expires     time.Time
}

// CreateSlot makes a slot; its ID of 128 random bits is filled in.
func (x *Index) CreateSlot(ctx context.Context, s Slot) (Slot, error) {
	if err := checkKey(s.Key); err != nil {
		return s, err
	}
	if !s.Expires.After(time.Now()) {
		return s, fault.New(fault.Usage, "slot_expires", "slot would expire at %s, before it could be used", s.Expires)
	}
	id := newBlobID()
	s.ID = id.String()
	err := x.withBucket(ctx, s.Bucket, func(b *bucketRow) error {
		n, err := x.exec(ctx, "create slot", `INSERT INTO {s}.slots (id, bucket, key, max_size, type, expires)
			SELECT $1, b.id, $3, $4, $5, $6 FROM {s}.buckets b WHERE b.id = $2 FOR SHARE`,
			[16]byte(id), b.id, s.Key, s.MaxSize, s.Type, s.Expires)
		if err == nil && n == 0 {
			err = errStale
		}
		return err
	})
	return s, err
}

// Slot returns a slot that can be used: ErrNoSuchSlot, ErrSlotUsed, ErrSlotExpired.
func (x *Index) Slot(ctx context.Context, id string) (Slot, error) {
	raw := uploadID(id)
	if raw == nil {
		return Slot{}, fmt.Errorf("slot %.40q: %w", id, ErrNoSuchSlot)
	}
	var s Slot
	var used, over bool
	err := x.one(ctx, "look up slot", `SELECT b.name, s.key, s.max_size, s.type, s.expires, s.used IS NOT NULL, s.expires <= now()
		FROM {s}.slots s JOIN {s}.buckets b ON b.id = s.bucket WHERE s.id = $1`, []any{*raw},
		&s.Bucket, &s.Key, &s.MaxSize, &s.Type, &s.Expires, &used, &over)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = fmt.Errorf("slot %s: %w", id, ErrNoSuchSlot)
	case err != nil:
	case used:
		err = fmt.Errorf("slot %s: %w", id, ErrSlotUsed)
	case over:
		err = fmt.Errorf("slot %s: %w", id, ErrSlotExpired)
	}
	s.ID = hex.EncodeToString(raw[:])
	return s, err
}

// PutSlot writes the object and consumes the slot in the same transaction, so a failed upload may be tried again. Bucket
// and key are the slot's, whatever p says.
func (x *Index) PutSlot(ctx context.Context, id string, p Put) (Object, error) {
	s, err := x.Slot(ctx, id)
	if err != nil {
		return Object{}, err
	}
	p.Bucket, p.Key = s.Bucket, s.Key
	return x.put(ctx, p, rights{slot: uploadID(id), limit: s.MaxSize, kind: s.Type})
}
