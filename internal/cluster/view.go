package cluster

import (
	"slices"
	"time"
)

// State is what clients must know.
type State struct {
	Primary  Host   // the zero Host when there is none
	Timeline uint32 // the highest that was seen
	Replicas []Host // that follow the primary, whatever their lag, in the order of the configuration
	Split    bool   // there are several primaries on the same timeline, so there is none
}

// hasPrimary reports whether there is a primary.
func (s State) hasPrimary() bool { return s.Primary.Name != "" }

// HasPrimary reports whether there is a primary.
func (s State) HasPrimary() bool { return s.hasPrimary() }

// Equal compares what clients would act on.
func (s State) Equal(o State) bool {
	return s.Primary == o.Primary && s.Timeline == o.Timeline && s.Split == o.Split && slices.Equal(s.Replicas, o.Replicas)
}

// HostStatus is what is known of a host.
type HostStatus struct {
	Host     Host          `json:"host"`
	Role     Role          `json:"role"`
	Trouble  string        `json:"trouble,omitempty"` // why it is neither primary nor replica, or the error of the last check
	Since    time.Time     `json:"since"`             // of the role
	Checked  time.Time     `json:"checked"`           // when the last check ended
	Asked    time.Time     `json:"asked"`             // when the check began that brought the positions
	Started  time.Time     `json:"started"`           // when the server started
	System   string        `json:"system_identifier,omitempty"`
	Timeline uint32        `json:"timeline,omitempty"`
	LSN      LSN           `json:"lsn"`        // primary: flushed; replica: received
	Replay   LSN           `json:"replay_lsn"` // replica: replayed
	Lag      time.Duration `json:"lag"`        // replica: at most this; Unknown: nobody knows
	LagBytes int64         `json:"lag_bytes"`
	Paused   bool          `json:"paused,omitempty"` // replica: replay is paused
	InUse    int64         `json:"in_use"`
}

// view is what is known at one moment. It does not change.
type view struct {
	state    State
	status   []HostStatus
	replicas []int // indices of hosts that follow the primary
}

// look makes the view of what is known. Callers must hold mu.
func (c *Cluster) look() *view {
	v := &view{status: make([]HostStatus, len(c.members))}
	v.state.Timeline, v.state.Split = c.memory.timeline, c.verdict.split
	if c.verdict.primary >= 0 {
		v.state.Primary = c.members[c.verdict.primary].host
	}
	for i, m := range c.members {
		s := HostStatus{
			Host: m.host, Role: c.verdict.roles[i], Trouble: c.verdict.why[i], Since: m.since, Checked: m.asked,
		}
		if m.known {
			s.Started, s.System, s.Timeline = m.sample.started, m.sample.system, m.sample.timeline
			s.LSN, s.Replay, s.Paused, s.Asked = m.sample.lsn, m.sample.replay, m.sample.paused, m.sample.sent
		}
		if s.Trouble == "" && m.err != nil {
			s.Trouble = m.err.Error()
		}
		if s.Role == RoleReplica {
			s.LagBytes, s.Lag = c.history.lag(m.sample)
			v.replicas = append(v.replicas, i)
			v.state.Replicas = append(v.state.Replicas, m.host)
		}
		v.status[i] = s
	}
	return v
}

// conclude passes a verdict on what is known and makes it known. Callers must hold mu.
func (c *Cluster) conclude(now time.Time) {
	c.memory.learn(c.members)
	before := c.verdict
	c.verdict = judge(c.members, c.memory)
	for i := range c.members {
		if c.members[i].since.IsZero() || c.verdict.roles[i] != before.roles[i] {
			c.members[i].since = now
		}
	}
	c.follow(before)
	old := c.view.Load()
	fresh := c.look()
	c.view.Store(fresh)
	close(c.changed)
	c.changed = make(chan struct{})
	c.report(fresh)
	if !old.state.Equal(fresh.state) {
		c.announce(Change{At: now, Before: old.state, After: fresh.state})
	}
	if before.split != c.verdict.split || before.primary != c.verdict.primary {
		c.hastenAll() // others may know more: a name of the same server, a replica that follows already
	}
}

// follow begins the history of a new primary. Callers must hold mu.
func (c *Cluster) follow(before verdict) {
	if p := c.verdict.primary; p >= 0 && (before.primary != p || len(c.history.points) == 0) {
		c.history = history{}
		c.history.add(c.members[p].sample.received, c.members[p].sample.lsn)
	}
}

// Status returns what is known of each host, in the order of the configuration.
func (c *Cluster) Status() []HostStatus {
	list := slices.Clone(c.view.Load().status)
	for i := range list {
		list[i].InUse = c.load[i].Load()
	}
	return list
}

// State returns what clients must know, at this moment.
func (c *Cluster) State() State { return c.view.Load().state }
