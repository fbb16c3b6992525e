package content

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
)

// kind of a request to the holder of the role.
type kind string

const (
	kindSync   kind = "sync"   // args SyncRequest
	kindGC     kind = "gc"     // args GCRequest
	kindScrub  kind = "scrub"  // args ScrubRequest
	kindPurge  kind = "purge"  // args PurgeRequest
	kindRepair kind = "repair" // args RepairRequest
)

// waitPoll is how often a caller looks at its request besides being notified: for its progress, and for notices that were
// lost.
const waitPoll = 500 * time.Millisecond

// requestKeep is how long the answer of a request is kept.
const requestKeep = 7 * 24 * time.Hour

// failure is an error as it crosses processes.
type failure struct {
	Kind    string `json:"kind"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	return &failure{fault.KindOf(err).String(), fault.CodeOf(err), err.Error(), fault.HintOf(err)}
}

func (f failure) err() error {
	return &fault.Error{Kind: fault.ParseKind(f.Kind), Code: f.Code, Hint: f.Hint, Err: errors.New(f.Message)}
}

// submit writes a request and tells the holder. One that waits already for the same is joined.
func (c *Content) submit(ctx context.Context, k kind, source string, args any) (id int64, err error) {
	data, err := json.Marshal(args)
	if err != nil {
		return 0, fmt.Errorf("submit %s: %w", k, err)
	}
	err = c.db.InTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, c.q(`SELECT id FROM {s}.content_requests
			WHERE state = 'queued' AND kind = $1 AND source = $2 AND args = $3 ORDER BY id LIMIT 1 FOR SHARE SKIP LOCKED`), k, source, data).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			err = tx.QueryRow(ctx, c.q(`INSERT INTO {s}.content_requests (kind, source, args) VALUES ($1, $2, $3) RETURNING id`),
				k, source, data).Scan(&id)
		}
		if err != nil {
			return err
		}
		return c.notify(ctx, tx, notice{noticeRequest, id})
	})
	if err != nil {
		return 0, fmt.Errorf("submit %s: %w", k, err)
	}
	return id, nil
}

// await waits until a request is answered and stores its report. progress, which may be nil, is told each new line.
func (c *Content) await(ctx context.Context, id int64, report any, progress func(string)) error {
	woken, leave := c.producer.waiters.enter(id)
	defer leave()
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	told := ""
	for {
		line, done, err := c.answer(ctx, id, report)
		if line != told && progress != nil {
			told = line
			progress(line)
		}
		if done || err != nil && !errors.Is(err, errPassing) {
			return err
		}
		select {
		case <-woken:
		case <-tick.C:
		case <-ctx.Done():
			return fault.New(fault.KindOf(context.Cause(ctx)), "content_wait", "wait for request %d: %w", id, context.Cause(ctx)).
				WithHint("the work goes on where the role is; holdfast content show tells how it ended")
		}
	}
}

var errPassing = errors.New("the database does not answer")

// answer reads how a request fares.
func (c *Content) answer(ctx context.Context, id int64, report any) (progress string, done bool, err error) {
	limited, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	var state string
	var data, failed []byte
	err = c.db.QueryRow(limited, c.q(`SELECT state, progress, report, failure FROM {s}.content_requests WHERE id = $1`), id).
		Scan(&state, &progress, &data, &failed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", true, fault.New(fault.NotFound, "content_request", "request %d is not there any more", id)
	case fault.KindOf(err) == fault.Unavailable && ctx.Err() == nil:
		return "", false, errPassing // the work goes on without us
	case err != nil:
		return "", false, fmt.Errorf("read request %d: %w", id, err)
	}
	if data != nil && report != nil && (state == "done" || state == "failed") {
		if err := json.Unmarshal(data, report); err != nil {
			return progress, true, fmt.Errorf("read report of request %d: %w", id, err)
		}
	}
	if state == "failed" {
		var f failure
		if err := json.Unmarshal(failed, &f); err != nil {
			return progress, true, fmt.Errorf("read failure of request %d: %w", id, err)
		}
		return progress, true, f.err()
	}
	return progress, state == "done", nil
}

// waiters are the callers in this process that wait for requests.
type waiters struct {
	mu  sync.Mutex // protects all
	all map[int64]map[chan struct{}]bool
}

// enter returns a channel that is written to when the request may have been answered.
func (w *waiters) enter(id int64) (woken <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ch := make(chan struct{}, 1)
	if w.all == nil {
		w.all = map[int64]map[chan struct{}]bool{}
	}
	if w.all[id] == nil {
		w.all[id] = map[chan struct{}]bool{}
	}
	w.all[id][ch] = true
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all[id], ch)
		if len(w.all[id]) == 0 {
			delete(w.all, id)
		}
	}
}

func (w *waiters) tell(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wakeAll(w.all[id])
}

func (w *waiters) tellAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, set := range w.all {
		wakeAll(set)
	}
}

func wakeAll(set map[chan struct{}]bool) {
	for ch := range set {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
