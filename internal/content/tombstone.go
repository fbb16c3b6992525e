package content

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/treepack"
)

// Tombstone is the order to forget a part at once, wherever it is.
type Tombstone struct {
	Seq    int64
	Part   treepack.PartID
	SHA256 [32]byte // of the plain stream; caches forget the part whatever its sum
	Reason string
	At     time.Time
}

// tombstoneLabel begins what is signed, so that no other signature of the key passes for one of a tombstone.
const tombstoneLabel = "holdfast content tombstone v1"

// signed returns the bytes that the signature of a tombstone covers: the label and each field behind its length (4 bytes,
// big-endian). Number and time are not among them: they are given when the row is written, and nothing hangs on them.
func (t Tombstone) signed() []byte {
	var out []byte
	for _, field := range []string{tombstoneLabel, t.Part.String(), string(t.SHA256[:]), t.Reason} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(field)))
		out = append(out, field...)
	}
	return out
}

// tombstones remembers which ones were told.
type tombstones struct {
	mu   sync.Mutex // protects told, and is held while they are told
	told int64
}

// backlog is how many of the latest tombstones are told again after a connection was lost: a standby that was promoted may
// lack some, and give out their numbers again.
const backlog = 1000

func (t *tombstones) rewind() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = max(0, t.told-backlog)
}

// tellPurged tells the consumer the tombstones that it has not heard of. One whose signature is wrong was not written by us:
// it is told in the log and nowhere else.
func (c *Content) tellPurged(ctx context.Context) error {
	c.tombs.mu.Lock()
	defer c.tombs.mu.Unlock()
	rows, err := c.db.Query(ctx, c.q(`SELECT seq, part, sha256, reason, at, signature FROM {s}.content_tombstones
		WHERE seq > $1 ORDER BY seq`), c.tombs.told)
	if err != nil {
		return fmt.Errorf("read tombstones: %w", err)
	}
	defer rows.Close()
	var all []Tombstone
	last := c.tombs.told
	for rows.Next() {
		var t Tombstone
		var sum, signature []byte
		var part string
		if err := rows.Scan(&t.Seq, &part, &sum, &t.Reason, &t.At, &signature); err != nil {
			return fmt.Errorf("read tombstones: %w", err)
		}
		last = t.Seq
		copy(t.SHA256[:], sum)
		if t.Part, err = treepack.ParsePartID(part); err != nil || !ed25519.Verify(c.public, t.signed(), signature) {
			c.log.ErrorContext(ctx, "a tombstone is not signed with our key and is passed over", "number", t.Seq, "part", part)
			continue
		}
		all = append(all, t)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read tombstones: %w", err)
	}
	if len(all) > 0 {
		c.consumer.purged(all)
	}
	c.tombs.told = last
	return nil
}
