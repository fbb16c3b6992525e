package handover

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Heir is a successor that has committed, as its predecessor sees it.
type Heir struct {
	conn  *net.UnixConn
	table *Listeners
}

// Wait waits until the successor is ready, and returns nil then: the sockets are its own. An error says that it ended before, however it
// did, or that ctx ended; the table still has the sockets, for TakeBack. Wait is called once.
func (h *Heir) Wait(ctx context.Context) error {
	cut := context.AfterFunc(ctx, func() { _ = h.conn.SetDeadline(time.Unix(1, 0)) })
	err := expect(h.conn, sayReady)
	cut()
	_ = h.conn.Close() // nothing more is said
	if err != nil {
		return fmt.Errorf("the successor ended before it was ready: %w", err)
	}
	h.table.Release()
	return nil
}
