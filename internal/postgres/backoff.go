package postgres

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// backoff counts pauses between attempts: 0.1 s, doubled each time up to 30 s, each between half of that and the whole, so
// that many processes that lost the same server do not come back in step. The zero value is ready to use.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

// pause waits, and reports false when ctx ended meanwhile.
func (b *backoff) pause(ctx context.Context) bool {
	b.next = min(max(2*b.next, firstPause), lastPause)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
