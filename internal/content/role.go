package content

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// roleSync is the role of syncing in content_roles.
const roleSync = "sync"

// errRoleLost is what a publish returns that another holder has fenced off.
var errRoleLost = &fault.Error{
	Kind: fault.Conflict, Code: "content_role_lost", Err: errors.New("the role of syncing went to another process"),
	Hint: "nothing was published; the new holder does the work again",
}

// role is the right to sync, as this process sees it.
type role struct {
	db   *postgres.DB
	q    func(string) string
	node string
	ttl  time.Duration

	mu    sync.Mutex // protects the following
	token int64      // 0: not ours
	until time.Time  // by the monotonic clock: when we must have stopped
}

// take takes the role if nobody holds it, or if its holder has not renewed it in time. The token is one that nobody had before.
func (r *role) take(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, max(r.ttl/3, time.Second))
	defer cancel()
	asked := time.Now() // before the database counts: we end earlier than it thinks
	var token int64
	err := r.db.QueryRow(ctx, r.q(`INSERT INTO {s}.content_roles AS r (name, holder, token, expires)
		VALUES ($1, $2, 1, clock_timestamp() + $3) ON CONFLICT (name) DO UPDATE
		SET holder = $2, token = r.token + 1, expires = clock_timestamp() + $3
		WHERE r.expires < clock_timestamp() RETURNING token`), roleSync, r.node, r.ttl).Scan(&token)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("take the role of syncing: %w", err)
	}
	r.set(token, asked.Add(r.ttl))
	return true, nil
}

// renew lengthens the role, or returns errRoleLost.
func (r *role) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(r.ttl/3, time.Second))
	defer cancel()
	asked, token := time.Now(), r.held()
	tag, err := r.db.Exec(ctx, r.q(`UPDATE {s}.content_roles SET expires = clock_timestamp() + $3
		WHERE name = $1 AND token = $2`), roleSync, token, r.ttl)
	switch {
	case err != nil:
		return fmt.Errorf("renew the role of syncing: %w", err)
	case tag.RowsAffected() == 0:
		return errRoleLost
	}
	r.set(token, asked.Add(r.ttl))
	return nil
}

// giveUp ends the role at once, so that another process can take it without waiting.
func (r *role) giveUp(ctx context.Context, channel string) error {
	token := r.held()
	r.set(0, time.Time{})
	if token == 0 {
		return nil
	}
	return r.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, r.q(`UPDATE {s}.content_roles SET expires = '-infinity' WHERE name = $1 AND token = $2`), roleSync, token)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT pg_notify($1, $2)", channel, notice{noticeRole, token}.String())
		return err
	})
}

// fence makes sure, inside a transaction, that the role is still that of the token. The row is locked until the transaction
// ends, so that nobody takes the role in between: it is to be the last statement before the commit.
func (r *role) fence(ctx context.Context, tx pgx.Tx, token int64) error {
	var b pgx.Batch
	r.queueFence(&b, token)
	return tx.SendBatch(ctx, &b).Close()
}

// queueFence is fence as one of several statements that are sent together.
func (r *role) queueFence(b *pgx.Batch, token int64) {
	b.Queue(r.q(`SELECT token FROM {s}.content_roles WHERE name = $1 FOR SHARE`), roleSync).QueryRow(func(row pgx.Row) error {
		var now int64
		if err := row.Scan(&now); err != nil {
			return fmt.Errorf("look at the role of syncing: %w", err)
		}
		if token == 0 || now != token {
			return errRoleLost
		}
		return nil
	})
}

func (r *role) set(token int64, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token, r.until = token, until
}

// held returns the token, 0 when the role is not ours.
func (r *role) held() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.token
}

func (r *role) deadline() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until
}

// hold keeps the role until it is lost or ctx ends: it renews it every third of its life, and returns when a renewal is
// refused or the life has passed by our own clock. What is done in the role must end with it.
func (r *role) hold(ctx context.Context) error {
	tick := time.NewTicker(r.ttl / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		err := r.renew(ctx)
		if errors.Is(err, errRoleLost) || err != nil && !time.Now().Before(r.deadline().Add(-r.ttl/3)) {
			return err
		}
	}
}
