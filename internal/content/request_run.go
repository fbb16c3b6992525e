package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// request is one that this process answers.
type request struct {
	id      int64
	kind    kind
	source  string
	args    []byte
	arrived time.Time // here
}

// claimLimit is how many requests are taken at once.
const claimLimit = 500

// claimRequests takes the requests that wait, and those that a holder before us took and did not answer.
func (c *Content) claimRequests(ctx context.Context, token int64) ([]request, error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	rows, err := c.db.Query(ctx, c.q(`WITH open AS (SELECT id FROM {s}.content_requests
			WHERE state = 'queued' OR (state = 'running' AND token < $1) ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED),
		mine AS (UPDATE {s}.content_requests r SET state = 'running', token = $1, started = now()
			FROM open WHERE r.id = open.id RETURNING r.id, r.kind, r.source, r.args)
		SELECT * FROM mine ORDER BY id`), token, claimLimit)
	if err != nil {
		return nil, fmt.Errorf("take requests: %w", err)
	}
	now := time.Now()
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r request, err error) {
		r.arrived = now
		return r, row.Scan(&r.id, &r.kind, &r.source, &r.args)
	})
	if err != nil {
		return nil, fmt.Errorf("take requests: %w", err)
	}
	return all, nil
}

// finishRequest writes the answer of a request, and tells who waits for it.
func (c *Content) finishRequest(ctx context.Context, token, id int64, report any, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryLimit)
	defer cancel()
	state := "done"
	var wrong []byte
	data, err := json.Marshal(report)
	if err == nil && failed != nil {
		state = "failed"
		wrong, err = json.Marshal(failureOf(failed))
	}
	if err != nil {
		return fmt.Errorf("answer request %d: %w", id, err)
	}
	err = c.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, c.q(`UPDATE {s}.content_requests SET state = $3, ended = now(), report = $4, failure = $5
			WHERE id = $1 AND token = $2 AND state = 'running'`), id, token, state, data, wrong)
		if err != nil {
			return err
		}
		return c.notify(ctx, tx, notice{noticeEnded, id})
	})
	if err != nil {
		return fmt.Errorf("answer request %d: %w", id, err)
	}
	return nil
}

// progressGap is the least time between two lines of progress of one request.
const progressGap = 300 * time.Millisecond

// progressOf returns a function that shows where requests are. A line that comes too soon after another is left out, and so is
// one that cannot be written: it is a courtesy.
func (c *Content) progressOf(ctx context.Context, ids []int64) func(string) {
	var last time.Time
	return func(line string) {
		if len(ids) == 0 || time.Since(last) < progressGap {
			return
		}
		last = time.Now()
		limited, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if len(line) > 200 {
			line = line[:200]
		}
		_, err := c.db.Exec(limited, c.q("UPDATE {s}.content_requests SET progress = $2 WHERE id = ANY($1) AND state = 'running'"), ids, line)
		if err != nil {
			c.log.DebugContext(ctx, "progress not shown", "error", err)
		}
	}
}

// forgetRequests removes answers that nobody asks for any more.
func (c *Content) forgetRequests(ctx context.Context) error {
	_, err := c.db.Exec(ctx, c.q("DELETE FROM {s}.content_requests WHERE ended < now() - $1::interval"), requestKeep)
	return err
}

// ask submits a request and waits for its report.
func ask[R any](ctx context.Context, c *Content, k kind, source string, args any, progress func(string)) (R, error) {
	var report R
	if c.idle() {
		return report, errIdle()
	}
	id, err := c.submit(ctx, k, source, args)
	if err != nil {
		return report, err
	}
	err = c.await(ctx, id, &report, progress)
	return report, err
}

// Sync has a source looked at by the holder of the role, and waits for its report. progress may be nil.
func (c *Content) Sync(ctx context.Context, r SyncRequest, progress func(string)) (Report, error) {
	if err := c.knows(r.Source); err != nil {
		return Report{}, err
	}
	report, err := ask[Report](ctx, c, kindSync, r.Source, r, progress)
	if err == nil {
		c.hearOwn(ctx, r.Source)
	}
	return report, err
}

// hearOwn tells the consuming half of this process what is current without waiting for the notification: who has synced
// finds what was published. Should it fail, the notification does the same.
func (c *Content) hearOwn(ctx context.Context, source string) {
	p, err := c.Current(ctx, source)
	if err == nil {
		c.consumer.published(p)
	}
}

// SyncSoon has a source looked at, and waits for nothing.
func (c *Content) SyncSoon(ctx context.Context, source string) error {
	if err := c.knows(source); err != nil {
		return err
	}
	_, err := c.submit(ctx, kindSync, source, SyncRequest{Source: source})
	return err
}

// GC has the store collected.
func (c *Content) GC(ctx context.Context, r GCRequest, progress func(string)) (GCReport, error) {
	return ask[GCReport](ctx, c, kindGC, "", r, progress)
}

// Scrub has stored parts verified, and repaired from the mirrors.
func (c *Content) Scrub(ctx context.Context, r ScrubRequest, progress func(string)) (ScrubReport, error) {
	if r.Source != "" {
		if err := c.knows(r.Source); err != nil {
			return ScrubReport{}, err
		}
	}
	return ask[ScrubReport](ctx, c, kindScrub, r.Source, r, progress)
}

// Purge has content removed everywhere.
func (c *Content) Purge(ctx context.Context, r PurgeRequest, progress func(string)) (PurgeReport, error) {
	switch {
	case len(r.Parts) == 0 && (r.Source == "" || r.Path == ""):
		return PurgeReport{}, fault.New(fault.Usage, "content_purge_what", "name parts, or a source and a path").
			WithHint("holdfast content purge physics101 serverFilesCourse/answers.csv")
	case r.Source != "":
		if err := c.knows(r.Source); err != nil {
			return PurgeReport{}, err
		}
	}
	return ask[PurgeReport](ctx, c, kindPurge, r.Source, r, progress)
}

// ReportBad tells the holder of the role of parts that this process found missing or corrupt in the store. It waits for nothing;
// the parts are verified, and made again from the mirror.
func (c *Content) ReportBad(ctx context.Context, parts ...string) error {
	_, err := c.submit(ctx, kindRepair, "", RepairRequest{Parts: parts})
	return err
}

// knows returns an error when no source has the name.
func (c *Content) knows(source string) error {
	if _, ok := c.cfg().Sources[source]; !ok {
		return c.noRevision(source, "current")
	}
	return nil
}

// errUnknownRequest is the answer to a kind that this version does not know.
var errUnknownRequest = &fault.Error{
	Kind: fault.Usage, Code: "content_request", Err: errors.New("the process that syncs does not know this request"),
	Hint: "all machines must run the same version of Holdfast",
}
