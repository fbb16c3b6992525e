package patroni_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// load is clients that write one row after the other, each with a number of its own, and read it back. They never stop because
// of an error: they connect again.
type load struct {
	url  string
	stop chan struct{}
	all  sync.WaitGroup

	mu        sync.Mutex // protects the following
	confirmed []int64
	failures  []string
	wrong     []string
	last      time.Time     // of the last confirmed write
	pause     time.Duration // the longest time without one, since it was reset
}

func (s *site) begin(n int) *load {
	l := &load{url: s.url(0), stop: make(chan struct{}), last: time.Now()}
	for i := range n {
		l.all.Go(func() { l.client(int64(i) * 1_000_000) })
	}
	return l
}

func (l *load) client(id int64) {
	var c *pgx.Conn
	for {
		select {
		case <-l.stop:
			if c != nil {
				_ = c.Close(context.Background())
			}
			return
		default:
		}
		id++
		var err error
		if c, err = l.write(c, id); err != nil {
			l.failed(err)
		}
	}
}

// write writes one row and reads it back. After an error the connection is kept when it still works.
func (l *load) write(c *pgx.Conn, id int64) (*pgx.Conn, error) {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if c == nil || c.IsClosed() {
		var err error
		if c, err = pgx.Connect(ctx, l.url); err != nil {
			return nil, err
		}
	}
	if _, err := c.Exec(ctx, "INSERT INTO written VALUES ($1)", id); err != nil {
		return c, err
	}
	l.wrote(id)
	var asked, read int64
	err := c.QueryRow(ctx, "SELECT $1::bigint, (SELECT id FROM written WHERE id = $1)", id).Scan(&asked, &read)
	if err == nil && (asked != id || read != id) || errors.Is(err, pgx.ErrNoRows) {
		l.notWhatWasAsked(fmt.Sprintf("asked for %d, got %d and %d", id, asked, read))
	}
	return c, err
}

func (l *load) wrote(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.pause = max(l.pause, now.Sub(l.last))
	l.last, l.confirmed = now, append(l.confirmed, id)
}

func (l *load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err.Error())
}

func (l *load) notWhatWasAsked(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, text)
}

// more waits until so many more rows were confirmed.
func (l *load) more(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.confirmed)
	}
	from := count()
	eventually(t, "rows are written", func() bool { return count() >= from+n })
}

// outage returns the longest time without a confirmed write since it was last asked, and how statements and log-ins failed.
func (l *load) outage() (time.Duration, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pause, failed := l.pause, l.failures
	l.pause, l.failures = 0, nil
	return pause, failed
}

func (l *load) end() {
	close(l.stop)
	l.all.Wait()
}
