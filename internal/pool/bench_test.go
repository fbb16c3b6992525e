package pool_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"holdfast/internal/pool"
)

func benched(b *testing.B, size int) *pool.Pool[*conn] {
	b.Helper()
	cfg := pool.Defaults("bench")
	cfg.MinSize, cfg.MaxSize, cfg.GrowAtOnce = size, size, size
	p, err := pool.New(cfg, newServer().open, pool.NewBudget("server", size, 0))
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Stop(context.Background()) })
	return p
}

// The bar: below 300 ns and at most one allocation.
func BenchmarkAcquireAndRelease(b *testing.B) {
	p := benched(b, 20)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		l, err := p.Acquire(ctx, pool.Request{Owner: "app"})
		if err != nil {
			b.Fatal(err)
		}
		l.Release()
	}
}

// Many clients on few connections: each waits for another's.
func BenchmarkContended(b *testing.B) {
	for _, clients := range []int{16, 100, 1000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			p := benched(b, 4)
			ctx := b.Context()
			var name atomic.Int64
			b.ReportAllocs()
			b.SetParallelism(clients / 2)
			b.RunParallel(func(pb *testing.PB) {
				owner := fmt.Sprint(name.Add(1) % 10)
				for pb.Next() {
					l, err := p.Acquire(ctx, pool.Request{Owner: owner})
					if err != nil {
						b.Error(err)
						return
					}
					l.Release()
				}
			})
		})
	}
}

// The same for clients that cannot wait, as an event loop has them: one goroutine serves a hundred.
func BenchmarkTickets(b *testing.B) {
	p := benched(b, 4)
	type client struct {
		ticket *pool.Ticket[*conn]
		wake   func()
	}
	turn := make(chan *client, 100)
	for range cap(turn) {
		c := &client{}
		c.wake = func() { turn <- c }
		turn <- c
	}
	b.ReportAllocs()
	var leases []*pool.Lease[*conn] // those that the clients hold, oldest first
	for b.Loop() {
		if len(leases) == 4 {
			leases[0].Release()
			leases = append(leases[:0], leases[1:]...)
		}
		c := <-turn
		var l *pool.Lease[*conn]
		var err error
		if c.ticket != nil {
			l, err = c.ticket.Take()
			c.ticket = nil
		} else {
			l, c.ticket, err = p.Ask(pool.Request{Owner: "app"}, c.wake)
		}
		if err != nil {
			b.Fatal(err)
		}
		if l != nil {
			leases = append(leases, l)
			turn <- c
		}
	}
	for _, l := range leases {
		l.Discard()
	}
}
