package content

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// usage counts what a source was asked for on this machine, and what that took from the store.
type usage struct{ calls, hits, asked, fetched atomic.Int64 }

// call counts a call of ensure that ended well: asked is what its chunks take as they are stored, fetched what it downloaded.
func (u *usage) call(asked, fetched int64) {
	u.calls.Add(1)
	u.asked.Add(asked)
	if fetched == 0 {
		u.hits.Add(1)
		return
	}
	u.fetched.Add(fetched)
}

// Usage is what the cache of this machine was good for, since its Holdfast began. Bytes are as in the store.
type Usage struct {
	Calls   int64 `json:"calls"`         // of ensure, that ended well
	Hits    int64 `json:"hits"`          // of them, those that downloaded nothing
	Asked   int64 `json:"asked_bytes"`   // that the calls would have downloaded without a cache
	Fetched int64 `json:"fetched_bytes"` // that were downloaded, also ahead of their use and for browsers
	Saved   int64 `json:"saved_bytes"`   // the difference
}

// add adds what another source has.
func (u *Usage) add(v Usage) {
	u.Calls, u.Hits, u.Asked, u.Fetched = u.Calls+v.Calls, u.Hits+v.Hits, u.Asked+v.Asked, u.Fetched+v.Fetched
	u.Saved = max(0, u.Asked-u.Fetched)
}

// now reads the counters.
func (u *usage) now() (v Usage) {
	v.add(Usage{Calls: u.calls.Load(), Hits: u.hits.Load(), Asked: u.asked.Load(), Fetched: u.fetched.Load()})
	return v
}

// HitRate is the share of calls that downloaded nothing, in percent with one decimal; nil while there was none.
func (u Usage) HitRate() *float64 {
	if u.Calls == 0 {
		return nil
	}
	rate := float64(u.Hits*1000/u.Calls) / 10
	return &rate
}

// Stored is what the syncs stored that published the revisions that are kept.
type Stored struct {
	Uploaded Amount `json:"uploaded"` // parts that the store did not have
	Reused   Amount `json:"reused"`   // parts that it had
}

// stored adds up the reports of each source's revisions.
func (c *Content) stored(ctx context.Context) (map[string]Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := c.db.Query(ctx, c.q(`SELECT s.name, `+sumOf("uploaded", "parts")+", "+sumOf("uploaded", "bytes")+", "+
		sumOf("reused", "parts")+", "+sumOf("reused", "bytes")+`
		FROM {s}.content_sources s JOIN {s}.content_revisions r ON r.source = s.id GROUP BY s.name`))
	if err != nil {
		return nil, fmt.Errorf("add up what was stored: %w", err)
	}
	all := map[string]Stored{}
	var name string
	var v Stored
	_, err = pgx.ForEachRow(rows, []any{&name, &v.Uploaded.Parts, &v.Uploaded.Bytes, &v.Reused.Parts, &v.Reused.Bytes}, func() error {
		all[name] = v
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("add up what was stored: %w", err)
	}
	return all, nil
}

func sumOf(amount, what string) string {
	return "coalesce(sum((r.report->'" + amount + "'->>'" + what + "')::bigint), 0)::bigint"
}
