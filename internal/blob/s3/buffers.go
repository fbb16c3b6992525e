package s3

import (
	"context"
	"sync"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

const (
	// bufferMemory is what all parts in memory may take together, in bytes.
	bufferMemory = 256 << 20
	// bufferWait is how long an upload waits for memory before it is refused. A part of 8 MiB arrives within it from
	// any line faster than 1 Mbit/s.
	bufferWait = time.Minute
)

// buffers lends the memory in which parts of uploads wait to be sent. A part is held in memory so that it can be sent
// again; there are few, so that memory stays flat however many upload.
type buffers struct {
	size int64
	pool sync.Pool     // of *[]byte, each of size
	lent chan struct{} // holds one token for each in use
}

func newBuffers(size, memory int64) *buffers {
	b := &buffers{size: size, lent: make(chan struct{}, max(2, memory/size))}
	b.pool.New = func() any { m := make([]byte, size); return &m }
	return b
}

// borrow waits for a buffer; the caller gives it back.
func (b *buffers) borrow(ctx context.Context) (*[]byte, error) {
	timer := time.NewTimer(bufferWait)
	defer timer.Stop()
	select {
	case b.lent <- struct{}{}:
		return b.pool.Get().(*[]byte), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, &fault.Error{
			Kind: fault.Unavailable, Code: blob.ErrBusy.Code, Err: blob.ErrBusy,
			Hint: "too many slow uploads at once; try again later",
		}
	}
}

func (b *buffers) giveBack(m *[]byte) {
	b.pool.Put(m)
	<-b.lent
}
