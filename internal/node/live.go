package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"holdfast/internal/secret"
)

const (
	// lookEvery is how often the database is asked which invites are live, at most, and only when somebody wants to join.
	lookEvery = time.Second
	// lookLimit bounds the question.
	lookLimit = 5 * time.Second
	// wrongEvery and wrongBurst limit answers to wrong requests; rightEvery and rightBurst those with the right proof, of one invite.
	wrongEvery, wrongBurst = 200 * time.Millisecond, 20
	rightEvery, rightBurst = 20 * time.Millisecond, 100
)

// open is an invite that may be used.
type open struct {
	secret secret.String
	rate   *rate.Limiter
}

// live remembers which invites are live, so that wrong requests do not reach the database.
type live struct {
	list   func(context.Context) (map[string]secret.String, error)
	report func(error)
	now    func() time.Time
	wrong  *rate.Limiter

	mu     sync.Mutex // held while the database is asked: others wait for the answer; protects the following
	known  map[string]open
	looked time.Time
}

func newLive(list func(context.Context) (map[string]secret.String, error), report func(error)) *live {
	return &live{list: list, report: report, now: time.Now, wrong: rate.NewLimiter(rate.Every(wrongEvery), wrongBurst)}
}

// forget has the database asked the next time.
func (l *live) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked = time.Time{}
}

// find returns the invite of an id, or the zero value, and whether any is live. When the database does not answer none is.
func (l *live) find(ctx context.Context, id string) (o open, any bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.looked) >= lookEvery {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookLimit) // others wait for it, too
		defer cancel()
		all, err := l.list(ctx)
		if err != nil {
			l.report(err)
		}
		was := l.known
		l.known, l.looked = make(map[string]open, len(all)), now
		for id, value := range all {
			o, ok := was[id]
			if !ok {
				o = open{value, rate.NewLimiter(rate.Every(rightEvery), rightBurst)}
			}
			l.known[id] = o
		}
	}
	return l.known[id], len(l.known) > 0
}

// listLive asks the database. Those that are used up stay for a while, for who has lost the answer.
func (n *Node) listLive(ctx context.Context) (map[string]secret.String, error) {
	rows, err := n.db.Query(ctx, n.q(`
SELECT id, secret FROM {s}.node_invites i
WHERE expires > now() AND revoked IS NULL AND (uses_left > 0 OR EXISTS (
	SELECT FROM {s}.node_joins WHERE invite = i.id AND joined > now() - make_interval(secs => $1)))`), retry.Seconds())
	if err != nil {
		return nil, fmt.Errorf("look for invites: %w", err)
	}
	defer rows.Close()
	all := map[string]secret.String{}
	for rows.Next() {
		var id string
		var sealed []byte
		if err := rows.Scan(&id, &sealed); err != nil {
			return nil, fmt.Errorf("look for invites: %w", err)
		}
		value, err := n.sealer.Open(id, sealed)
		if err != nil {
			n.log.WarnContext(ctx, "an invite cannot be read", "invite", id, "error", err)
			continue
		}
		all[id] = value
	}
	return all, rows.Err()
}
