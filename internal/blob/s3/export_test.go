package s3

import (
	"context"
	"net"
)

// NewVia returns a store whose connections all go to the address, whatever the name of the service: names below a test
// domain need no DNS.
func NewVia(cfg Config, address string) (*Store, error) {
	t, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, address)
	}
	return newStore(cfg, t)
}

// LimitBuffers bounds the memory of uploads.
func (s *Store) LimitBuffers(bytes int64) { s.buffers = newBuffers(s.part, bytes) }

// LimitCopies bounds what one request copies, so that a blob of a few megabytes is copied in parts.
func (s *Store) LimitCopies(bytes int64) { s.copyPart = bytes }
