package backend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"holdfast/internal/pgwire"
)

// Cancel asks the server to end the session's present statement, by a connection of its own that uses TLS if the session
// does. It returns when the server has closed that connection: then the request was acted on, and a later query of the
// session is not hit by it. Any goroutine may call it at any time.
func (c *Conn) Cancel(ctx context.Context) error {
	op := fmt.Sprintf("cancel at %s", c.target.Address)
	ctx, cancel := context.WithTimeout(ctx, c.target.connectTimeout())
	defer cancel()
	err := c.cancel(ctx)
	if err != nil {
		return broken(op, interrupted(ctx, err))
	}
	return nil
}

func (c *Conn) cancel(ctx context.Context) error {
	nc, err := c.target.dial(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	release := guard(ctx, nc)
	defer release()
	var stream io.ReadWriter = nc
	if c.hush != nil {
		if stream, _, err = c.target.encrypt(ctx, nc); err != nil {
			return err
		}
	}
	if _, err := stream.Write(pgwire.AppendCancel(nil, c.pid, c.key)); err != nil {
		return err
	}
	_, err = stream.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err == nil {
		return strange("the server answers a cancel request")
	}
	return err
}
