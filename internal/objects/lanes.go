package objects

import (
	"hash"
	"sync/atomic"
)

const (
	// lanesFrom is the length of a body in bytes from which digests are computed beside the reading and writing. Below,
	// handing over costs more than it saves.
	lanesFrom = 256 << 10
	chunkSize = 256 << 10
	// chunks bounds how far reading may be ahead of the digests, and the memory of one large body to 1 MiB.
	chunks = 4
)

// lanes compute the digests of a body, each in a goroutine of its own, while the body is read and written by the caller.
// What is handed in is copied, since a reader must not keep the caller's buffer. Whoever makes lanes ends them with
// finish, which waits for the goroutines.
type lanes struct {
	in   []chan *chunk
	free chan *chunk
	made int // chunks so far
	done chan struct{}
}

type chunk struct {
	data  []byte
	users atomic.Int32 // lanes that still need it
}

// newLanes starts a lane for each hash. A hash belongs to its lane until finish returns.
func newLanes(hashes []hash.Hash) *lanes {
	l := &lanes{free: make(chan *chunk, chunks), done: make(chan struct{}, len(hashes))}
	for _, h := range hashes {
		in := make(chan *chunk, chunks) // never blocks: there are no more chunks than that
		l.in = append(l.in, in)
		go l.run(h, in) // finish waits for it
	}
	return l
}

func (l *lanes) run(h hash.Hash, in <-chan *chunk) {
	for c := range in {
		_, _ = h.Write(c.data) // a hash never fails
		if c.users.Add(-1) == 0 {
			l.free <- c
		}
	}
	l.done <- struct{}{}
}

// write hands bytes to all lanes; it waits when they are behind.
func (l *lanes) write(p []byte) {
	for len(p) > 0 {
		c := l.chunk()
		n := copy(c.data[:chunkSize], p)
		c.data = c.data[:n]
		c.users.Store(int32(len(l.in)))
		for _, in := range l.in {
			in <- c
		}
		p = p[n:]
	}
}

func (l *lanes) chunk() *chunk {
	select {
	case c := <-l.free:
		return c
	default:
	}
	if l.made < chunks {
		l.made++
		return &chunk{data: make([]byte, chunkSize)}
	}
	return <-l.free
}

// finish returns when every byte is hashed.
func (l *lanes) finish() {
	for _, in := range l.in {
		close(in)
	}
	for range l.in {
		<-l.done
	}
}
