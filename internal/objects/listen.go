package objects

import (
	"context"
	"time"

	"holdfast/internal/lifecycle"
)

const (
	deathPage = 10_000
	// rewind is how many numbers are read again after the connection was lost: a standby that was promoted may lack
	// the last rows of its primary and give out their numbers again.
	rewind = 10_000
)

// pollGap is the least pause between two polls, so that a stream of notifications costs forty questions a second at most.
const pollGap = 25 * time.Millisecond

// pollLoop looks for changes whenever one is notified, and a few times a second.
func (x *Index) pollLoop(ctx context.Context) {
	gap := time.NewTimer(0)
	defer gap.Stop()
	lifecycle.Every(ctx, x.cfg.Poll, x.polls, func(ctx context.Context) {
		select {
		case <-gap.C:
		case <-ctx.Done():
			return
		}
		if err := x.poll(ctx); ctx.Err() == nil {
			x.trouble.Report("poll", err)
		}
		gap.Reset(pollGap)
	})
}

// poll asks in one round trip whether settings or deaths have changed.
func (x *Index) poll(ctx context.Context) error {
	var version int64
	newest, err := x.newestDeath(ctx, &version)
	if err != nil {
		return err
	}
	if version != x.settings.Load().version {
		if err := x.refresh(ctx); err != nil {
			return err
		}
	}
	return x.hear(ctx, newest)
}

// newestDeath returns the highest number of a death, and the version of the settings.
func (x *Index) newestDeath(ctx context.Context, version *int64) (newest int64, err error) {
	err = x.one(ctx, "look for changes", `SELECT (SELECT version FROM {s}.settings),
		coalesce((SELECT max(seq) FROM {s}.dead_blobs), 0)`, nil, version, &newest)
	return newest, err
}

// resync is called by the listener after every connect, when LISTEN is in force.
func (x *Index) resync(ctx context.Context) error {
	x.polls.Up() // for the settings
	newest, err := x.newestDeath(ctx, new(int64))
	if err != nil {
		return err
	}
	x.pollMu.Lock()
	x.heard = max(0, min(x.heard, newest)-rewind)
	x.pollMu.Unlock()
	return x.hear(ctx, newest)
}

// hear reads the deaths between the last one that was read and the newest. Rows become visible in the order of their
// numbers (see lock_deaths in the migration), so nothing ever appears below a number that was seen.
func (x *Index) hear(ctx context.Context, newest int64) error {
	x.pollMu.Lock()
	defer x.pollMu.Unlock()
	for x.heard < newest {
		if err := x.hearPage(ctx, newest); err != nil {
			return err
		}
	}
	return nil
}

// hearPage reads deaths up to the newest, or a page of them. Callers must hold pollMu.
func (x *Index) hearPage(ctx context.Context, newest int64) error {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	rows, err := x.db.Query(limited, x.q(`SELECT seq, blob, at, state <> 'revived' FROM {s}.dead_blobs
		WHERE seq > $1 AND seq <= $2 AND reason <> 'part' AND at > $3 ORDER BY seq LIMIT $4`),
		x.heard, newest, x.memorable(), deathPage)
	if err != nil {
		return dbError(ctx, "read deaths", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var (
			number int64
			id     [16]byte
			at     time.Time
			dead   bool
		)
		if err := rows.Scan(&number, &id, &at, &dead); err != nil {
			return dbError(ctx, "read deaths", err)
		}
		x.deaths.note(BlobID(id), number, at, dead)
		x.heard = number
	}
	if err := rows.Err(); err != nil {
		return dbError(ctx, "read deaths", err)
	}
	if n < deathPage {
		x.heard = newest
	}
	return nil
}
