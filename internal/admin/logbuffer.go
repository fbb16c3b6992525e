package admin

import (
	"bytes"
	"context"
	"sync"
)

// LogBuffer keeps the last lines of the log in memory and hands new ones to whoever follows. It is the io.Writer that
// daemon puts beside standard error, so "holdfast logs" shows the same stream. Writing never waits: a follower that
// falls behind by more than its queue loses lines and is told how many.
type LogBuffer struct {
	mu        sync.Mutex // protects the following
	lines     [][]byte
	next      int // where the next line goes once lines is full
	followers map[*follower]struct{}
}

type follower struct {
	lines chan []byte
	lost  int
}

// queue is how many lines a follower may fall behind.
const queue = 256

// NewLogBuffer returns a buffer for n lines.
func NewLogBuffer(n int) *LogBuffer {
	return &LogBuffer{lines: make([][]byte, 0, n), followers: map[*follower]struct{}{}}
}

// Write takes one line, as slog's handlers write them.
func (b *LogBuffer) Write(p []byte) (int, error) {
	line := bytes.Clone(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.lines) < cap(b.lines) {
		b.lines = append(b.lines, line)
	} else {
		b.lines[b.next] = line
		b.next = (b.next + 1) % len(b.lines)
	}
	for f := range b.followers {
		select {
		case f.lines <- line:
		default:
			f.lost++
		}
	}
	return len(p), nil
}

// Last returns the newest n lines, oldest first.
func (b *LogBuffer) Last(n int) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last(n)
}

// last returns the newest n lines. Callers must hold mu.
func (b *LogBuffer) last(n int) [][]byte {
	all := append(append([][]byte{}, b.lines[b.next:]...), b.lines[:b.next]...)
	return all[max(0, len(all)-n):]
}

// Follow calls yield with the newest n lines and then with each new one, until yield fails or the context ends. lost
// is how many lines were dropped just before this one.
func (b *LogBuffer) Follow(ctx context.Context, n int, yield func(line []byte, lost int) error) error {
	f := &follower{lines: make(chan []byte, queue)}
	b.mu.Lock()
	old := b.last(n)
	b.followers[f] = struct{}{}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.followers, f)
		b.mu.Unlock()
	}()
	for _, line := range old {
		if err := yield(line, 0); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-f.lines:
			if err := yield(line, b.takeLost(f)); err != nil {
				return err
			}
		}
	}
}

func (b *LogBuffer) takeLost(f *follower) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := f.lost
	f.lost = 0
	return n
}
