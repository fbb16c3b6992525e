package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/pool"
)

// rounds is how often a random test runs; many times more when HOLDFAST_SOAK is set.
func rounds(n int) int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return n * 100
	}
	return n
}

// model says who must have got what, for a pool whose connections open at once and never fail. It is as simple as can be.
type model struct {
	maxSize, reserved, perOwner int
	size                        int
	lent                        []*wish // held by them
	waiting                     []*wish // in order of arrival
}

// wish is a request, in the model and in the pool.
type wish struct {
	owner    string
	admin    bool
	deadline time.Time
	cancel   context.CancelFunc
	done     <-chan result
	got      *result
	want     string // what it must have got by now: "", "lease", a code, or "cancelled"
}

func (m *model) held(owner string) (n int) {
	for _, w := range m.lent {
		if w.owner == owner {
			n++
		}
	}
	return n
}

func (m *model) admins() (n int) {
	for _, w := range m.lent {
		if w.admin {
			n++
		}
	}
	return n
}

// next returns who is served next: administrators, then who holds least, then who came first.
func (m *model) next() *wish {
	var best *wish
	for _, w := range m.waiting {
		switch {
		case w.admin:
			return w
		case m.perOwner > 0 && m.held(w.owner) >= m.perOwner:
		case best == nil || m.held(w.owner) < m.held(best.owner):
			best = w
		}
	}
	return best
}

// settle hands out what there is.
func (m *model) settle() {
	for w := m.next(); w != nil; w = m.next() {
		limit := m.maxSize + min(m.admins(), m.reserved)
		if w.admin {
			limit = m.maxSize + m.reserved
		}
		if len(m.lent) == m.size {
			if m.size >= limit {
				return
			}
			m.size++
		}
		m.end(w, "lease")
		m.lent = append(m.lent, w)
	}
}

// end notes the end of a wait.
func (m *model) end(w *wish, want string) {
	w.want = want
	m.waiting = slices.DeleteFunc(m.waiting, func(o *wish) bool { return o == w })
}

// back notes that w gave its connection back, or closed it.
func (m *model) back(w *wish, closed bool) {
	m.lent = slices.DeleteFunc(m.lent, func(o *wish) bool { return o == w })
	adminWaits := slices.ContainsFunc(m.waiting, func(o *wish) bool { return o.admin })
	if closed || !adminWaits && m.size > m.maxSize+min(m.admins(), m.reserved) {
		m.size--
	}
	m.settle()
}

// expire ends the waits that are over.
func (m *model) expire(now time.Time) {
	for _, w := range slices.Clone(m.waiting) {
		if w.deadline.After(now) {
			continue
		}
		code := pool.CodeTimeout
		if !w.admin && m.perOwner > 0 && m.held(w.owner) >= m.perOwner {
			code = pool.CodeOwnerLimit
		}
		m.end(w, string(code))
	}
}

// S2-34, S2-30: thousands of random operations, after each of which everybody has exactly what the model says.
func TestThePoolServesExactlyWhomTheModelServes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(rounds(150)) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			m := &model{maxSize: 1 + random.IntN(6), reserved: random.IntN(3), perOwner: random.IntN(4)}
			r := start(t, func(c *pool.Config) {
				c.MaxSize, c.Reserved, c.MaxPerOwner = m.maxSize, m.reserved, m.perOwner
				c.GrowAtOnce = 1 + random.IntN(3)
				c.CheckAfter = time.Duration(random.IntN(3)-1) * time.Second
			})
			r.set(func(s *server) { s.limit = m.maxSize + m.reserved })
			var all []*wish
			for step := range 150 {
				all = append(all, r.step(random, m)...)
				synctest.Wait()
				if err := r.agree(m, all); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
			}
		})
	}
}

// step does one random thing to the pool and to the model, and returns the request that it made, if any.
func (r *rig) step(random *rand.Rand, m *model) []*wish {
	switch n := random.IntN(10); {
	case n < 5:
		return []*wish{r.wish(random, m)}
	case n < 8 && len(m.lent) > 0:
		w := m.lent[random.IntN(len(m.lent))]
		switch random.IntN(3) {
		case 0:
			w.got.lease.Release()
			m.back(w, false)
		case 1:
			w.got.lease.ReleaseDirty(context.Background())
			m.back(w, false)
		case 2:
			w.got.lease.Discard()
			m.back(w, true)
		}
	case n == 8 && len(m.waiting) > 0:
		w := m.waiting[random.IntN(len(m.waiting))]
		w.cancel()
		m.end(w, "cancelled")
	default:
		<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		m.expire(time.Now())
	}
	return nil
}

func (r *rig) wish(random *rand.Rand, m *model) *wish {
	w := &wish{owner: string(rune('a' + random.IntN(4))), admin: random.IntN(10) == 0}
	timeout := time.Duration(1+random.IntN(8000)) * time.Millisecond
	w.deadline = time.Now().Add(timeout)
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	req := pool.Request{Owner: w.owner, Admin: w.admin, Timeout: timeout}
	if random.IntN(2) == 0 {
		w.done = r.askWithin(ctx, req)
	} else {
		w.done = r.askByTicket(ctx, req)
	}
	m.waiting = append(m.waiting, w)
	m.settle()
	return w
}

// askByTicket is askWithin in the manner of an event loop.
func (r *rig) askByTicket(ctx context.Context, req pool.Request) <-chan result {
	done, wake := make(chan result, 1), make(chan struct{}, 1)
	began := time.Now()
	lease, ticket, err := r.pool.Ask(req, func() { wake <- struct{}{} })
	if ticket == nil {
		done <- result{lease, err, time.Since(began)}
		return done
	}
	go func() { // ends with the request, which has a limit
		for lease == nil && err == nil {
			select {
			case <-wake:
				lease, err = ticket.Take()
			case <-ctx.Done():
				ticket.Cancel()
				err = ctx.Err()
			}
		}
		done <- result{lease, err, time.Since(began)}
	}()
	return done
}

// agree compares the pool with the model.
func (r *rig) agree(m *model, all []*wish) error {
	for i, w := range all {
		if w.got == nil {
			select {
			case got := <-w.done:
				w.got = &got
			default:
			}
		}
		if is := outcome(w.got); is != w.want {
			return fmt.Errorf("request %d of %q (admin %v): %q; want %q", i, w.owner, w.admin, is, w.want)
		}
	}
	s := r.pool.Stats()
	if s.Size != m.size || s.Active != len(m.lent) || s.Waiting != len(m.waiting) || r.broken != nil {
		return fmt.Errorf("%d connections, %d lent, %d wait; want %d, %d, %d (%v)",
			s.Size, s.Active, s.Waiting, m.size, len(m.lent), len(m.waiting), r.broken)
	}
	return r.pool.Verify()
}

func outcome(got *result) string {
	switch {
	case got == nil:
		return ""
	case got.err == nil:
		return "lease"
	}
	if code, ok := codeOf(got.err); ok {
		return code
	}
	return "cancelled"
}
