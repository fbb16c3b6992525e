package node

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// beatEvery is how often a node tells the others that it is there.
	beatEvery = 10 * time.Second
	// silentAfter is when a node is not listed any more.
	silentAfter = 30 * time.Second
	// beatLimit bounds one telling.
	beatLimit = 5 * time.Second
)

// The states of a node.
const (
	StateReady    = "ready"
	StateNotReady = "not ready"
	StateStopping = "stopping"
)

// Machine is a running node.
type Machine struct {
	ID      string    `json:"id"`
	Host    string    `json:"host"`
	This    bool      `json:"this"` // the node that was asked
	State   string    `json:"state"`
	Reason  string    `json:"reason,omitempty"` // why it is not ready
	Version string    `json:"version"`
	Edge    string    `json:"edge"`
	Admin   string    `json:"admin"`
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
}

// ListAnswer lists the nodes that live, the oldest first.
type ListAnswer struct {
	Nodes []Machine `json:"nodes"`
}

// List returns the nodes that live.
func (n *Node) List(ctx context.Context) (ListAnswer, error) {
	if err := n.beat(ctx); err != nil { // so that what it says of this node is true
		return ListAnswer{}, err
	}
	rows, err := n.db.Query(ctx, n.q(`
SELECT id, host, id = $1, state, reason, version, edge, admin, started, seen FROM {s}.node_processes
WHERE seen > now() - make_interval(secs => $2) ORDER BY started, id`), n.id, silentAfter.Seconds())
	if err != nil {
		return ListAnswer{}, fmt.Errorf("list nodes: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Machine])
	if err != nil {
		return ListAnswer{}, fmt.Errorf("list nodes: %w", err)
	}
	return ListAnswer{all}, nil
}

// beat tells the others how this node is.
func (n *Node) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	now := n.opts.State()
	var b pgx.Batch
	b.Queue(n.q(`
INSERT INTO {s}.node_processes (id, host, version, edge, admin, state, reason, started) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE SET edge = $4, admin = $5, state = $6, reason = $7, seen = now()`),
		n.id, n.host, n.opts.Version, now.Edge, now.Admin, now.State, now.Reason, n.started)
	b.Queue(n.q(`DELETE FROM {s}.node_processes WHERE seen < now() - 20 * make_interval(secs => $1)`), silentAfter.Seconds())
	if err := n.db.InTx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b).Close() }); err != nil {
		return fmt.Errorf("tell the other nodes: %w", err)
	}
	return nil
}

// leave takes this node off the list.
func (n *Node) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := n.db.Exec(ctx, n.q("DELETE FROM {s}.node_processes WHERE id = $1"), n.id); err != nil {
		n.log.DebugContext(ctx, "not taken off the list of nodes: it falls off by itself", "error", err)
	}
}
