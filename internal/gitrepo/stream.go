package gitrepo

import (
	"context"
	"errors"
	"io"
	"sync"

	"holdfast/internal/treepack"
)

// stream is a large blob that is being read. It holds a process until it is closed, or until the Objects are.
type stream struct {
	objects *Objects
	ctx     context.Context //nolint:containedctx // the reads of a reader belong to the call that opened it
	id      treepack.ID
	size    int64

	mu     sync.Mutex // protects the following; Close may come from another goroutine
	b      *batch     // nil when it was given back
	read   int64
	broken int // processes that broke in the middle
	err    error
}

// stream opens a blob that has the size.
func (o *Objects) stream(ctx context.Context, id treepack.ID, size int64) (io.ReadCloser, error) {
	s := &stream{objects: o, ctx: ctx, id: id, size: size}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// open begins the answer, and skips what was read before.
func (s *stream) open() error {
	for {
		b, err := s.objects.streamed.lend(s.ctx)
		if err != nil {
			return err
		}
		err = b.ask(s.ctx, s.id, "blob", func(b *batch, size int64) error {
			if size != s.size {
				return errors.New("the object's size has changed")
			}
			_, err := io.CopyN(io.Discard, b.out, s.read)
			return err
		})
		if err == nil {
			s.b = b
			return nil
		}
		s.objects.streamed.giveBack(b, false)
		if err, again := s.fail(b, err); !again {
			return err
		}
	}
}

// fail notes that a process broke, and says whether another one may be tried.
func (s *stream) fail(b *batch, err error) (error, bool) {
	err, again := s.objects.judge(s.ctx, s.objects.streamed, b, s.id, err)
	s.broken++
	if again && s.broken == 2 {
		return s.objects.giveUp(err), false
	}
	return err, again
}

// Read reads on. A process that breaks is replaced once.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		n, err := s.fill(p)
		s.read += int64(n)
		if s.read == s.size {
			s.err = s.finish() // even if the caller stops here, knowing the size: the process can serve again
		}
		if err == nil || n > 0 {
			return n, nil
		}
		s.err = s.again(err)
	}
	return 0, s.err
}

// fill reads from the process until ctx ends.
func (s *stream) fill(p []byte) (int, error) {
	defer s.b.guard(s.ctx)()
	return s.b.out.Read(p[:min(int64(len(p)), s.size-s.read)])
}

// again replaces the process.
func (s *stream) again(err error) error {
	b := s.b
	s.b = nil
	s.objects.streamed.giveBack(b, false)
	if err, again := s.fail(b, err); !again {
		return err
	}
	return s.open()
}

// finish gives the process back after the last byte.
func (s *stream) finish() error {
	b := s.b
	s.b = nil
	err := b.end()
	s.objects.streamed.giveBack(b, err == nil)
	return io.EOF
}

// Close ends the reading, and gives the process back.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b != nil {
		s.objects.streamed.giveBack(s.b, false)
		s.b = nil
	}
	if s.err == nil {
		s.err = errors.New("the blob is closed")
	}
	return nil
}
