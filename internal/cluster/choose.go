package cluster

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"holdfast/internal/fault"
)

// Want says which replicas will do. The zero value takes any that follows the primary.
type Want struct {
	MaxLag  time.Duration // 0: any
	AtLeast LSN           // what it must have replayed, as far as is known; 0: anything
	Except  []string      // hosts that will not do, by name: they could not be reached just now
}

// allows reports whether a replica will do.
func (w Want) allows(s *HostStatus) bool {
	return s.Host.Weight > 0 && (w.MaxLag <= 0 || s.Lag <= w.MaxLag) && s.Replay >= w.AtLeast && !slices.Contains(w.Except, s.Host.Name)
}

// Pick returns the replica with the least load for its weight among those that will do. The caller tells the use that it
// makes of it: see Acquire. The error says of every host why it will not do.
func (c *Cluster) Pick(w Want) (Host, error) {
	v := c.view.Load()
	best, turn := -1, int(c.turn.Add(1)%uint64(max(1, len(v.replicas))))
	for n := range v.replicas {
		i := v.replicas[(n+turn)%len(v.replicas)] // equals take turns
		if w.allows(&v.status[i]) && (best < 0 || c.busier(v, i, best) < 0) {
			best = i
		}
	}
	if best < 0 {
		return Host{}, noReplica(v, w)
	}
	return v.status[best].Host, nil
}

// busier compares the loads that two hosts would have with one more use, each for its weight.
func (c *Cluster) busier(v *view, a, b int) int {
	return cmp.Compare(
		(c.load[a].Load()+1)*int64(v.status[b].Host.Weight),
		(c.load[b].Load()+1)*int64(v.status[a].Host.Weight),
	)
}

// Replicas returns the replicas whose lag is at most maxLag (0: any), the least loaded first.
func (c *Cluster) Replicas(maxLag time.Duration) []Host { return c.fit(Want{MaxLag: maxLag}) }

// AtLeast returns the replicas that have replayed the position when they were last asked, the least loaded first.
func (c *Cluster) AtLeast(lsn LSN) []Host { return c.fit(Want{AtLeast: lsn}) }

func (c *Cluster) fit(w Want) []Host {
	v := c.view.Load()
	var list []int
	for _, i := range v.replicas {
		if w.allows(&v.status[i]) {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return c.busier(v, a, b) })
	hosts := make([]Host, len(list))
	for n, i := range list {
		hosts[n] = v.status[i].Host
	}
	return hosts
}

// Acquire counts a use of a host, such as a transaction that was sent there; Done ends it. Unknown names are ignored.
func (c *Cluster) Acquire(name string) { c.use(name, 1) }

// Done ends a use that Acquire counted.
func (c *Cluster) Done(name string) { c.use(name, -1) }

func (c *Cluster) use(name string, n int64) {
	if i, ok := c.index[name]; ok {
		c.load[i].Add(n)
	}
}

// WaitReplayed returns the replica that Pick would choose, as soon as there is one; meanwhile hosts are asked several times a
// second. When ctx ends first, the error is that of Pick.
func (c *Cluster) WaitReplayed(ctx context.Context, w Want) (Host, error) {
	host, err := c.Pick(w)
	if err == nil {
		return host, nil
	}
	c.eager.Add(1)
	defer c.eager.Add(-1)
	c.hastenAll()
	for {
		changed := c.news()
		if host, err = c.Pick(w); err == nil {
			return host, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Host{}, err
		}
	}
}

// Primary returns the primary, and waits until there is one or ctx ends. The error says of every host what it is instead.
func (c *Cluster) Primary(ctx context.Context) (Host, error) {
	for {
		if s := c.view.Load().state; s.hasPrimary() {
			return s.Primary, nil
		}
		changed := c.news()
		v := c.view.Load()
		if v.state.hasPrimary() {
			return v.state.Primary, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Host{}, noPrimary(v, context.Cause(ctx))
		}
	}
}

// news returns a channel that is closed when more is known.
func (c *Cluster) news() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// Error is why there is no host for a request. In its chain stands a *fault.Error.
type Error struct {
	State string // SQLSTATE for the client
	err   error
}

// Error returns the reason.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// SQLState returns the SQLSTATE for the client: 57P03, cannot_connect_now.
func (e *Error) SQLState() string { return e.State }

// Permanent reports that it may pass.
func (e *Error) Permanent() bool { return false }

func noPrimary(v *view, cause error) error {
	f := fault.New(fault.Unavailable, "cluster_no_primary", "wait for a primary: %s: %w", describe(v, nil), cause)
	if v.state.Split {
		f = fault.New(fault.Unavailable, "cluster_split", "several primaries on timeline %d: %s: %w", v.state.Timeline, describe(v, nil), cause).
			WithHint("stop all but one of them")
	}
	return &Error{State: "57P03", err: f}
}

func noReplica(v *view, w Want) error {
	return &Error{State: "57P03", err: fault.New(fault.Unavailable, "cluster_no_replica", "no replica will do: %s", describe(v, &w))}
}

// describe says of every host why it will not do; w nil: as the primary.
func describe(v *view, w *Want) string {
	list := make([]string, len(v.status))
	for i, s := range v.status {
		why := s.Trouble
		switch {
		case s.Role == RolePrimary, s.Role == RoleReplica && w == nil:
			why = "it is a " + string(s.Role)
		case s.Role != RoleReplica:
		case s.Host.Weight <= 0:
			why = "it takes no reads"
		case slices.Contains(w.Except, s.Host.Name):
			why = "it could not be reached"
		case w.MaxLag > 0 && s.Lag == Unknown:
			why = "its lag is unknown"
		case w.MaxLag > 0 && s.Lag > w.MaxLag:
			why = "it is " + s.Lag.Round(time.Millisecond).String() + " behind"
		default:
			why = "it has replayed up to " + s.Replay.String()
		}
		list[i] = s.Host.Name + ": " + why
	}
	return strings.Join(list, "; ")
}
