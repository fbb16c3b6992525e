package cluster

import (
	"time"

	"holdfast/internal/health"
)

// grace is how long a host may be down, or the cluster without a primary, before anybody is alarmed: a restart takes that.
const grace = 5 * time.Second

func (c *Cluster) headless() health.Condition {
	return health.Condition{
		Code: "cluster_no_primary", Subject: c.config.Name, Title: "No PostgreSQL primary", Severity: health.Error, After: grace,
		Hint: "start the primary, or have a replica promoted", CausedBy: []string{"cluster_split"},
	}
}

func (c *Cluster) torn() health.Condition {
	return health.Condition{
		Code: "cluster_split", Subject: c.config.Name, Title: "Several PostgreSQL primaries", Severity: health.Error, After: time.Second,
		Hint: "decide which one holds the data that counts, and stop the others; until then nobody is connected to any of them",
	}
}

func hostDown(h Host) health.Condition {
	return health.Condition{
		Code: "cluster_host_down", Subject: h.Name, Title: "PostgreSQL server is down", Severity: health.Warning, After: grace,
	}
}

func hostStale(h Host) health.Condition {
	return health.Condition{
		Code: "cluster_host_stale", Subject: h.Name, Title: "PostgreSQL server was left behind", Severity: health.Warning, After: grace,
		Hint: "rebuild it as a replica (pg_rewind or pg_basebackup); if the newer one is given up for good, restart Holdfast, which forgets it",
	}
}

func hostStranger(h Host) health.Condition {
	return health.Condition{
		Code: "cluster_host_stranger", Subject: h.Name, Title: "PostgreSQL server of another cluster", Severity: health.Error,
		Hint: "check the host; if the cluster was replaced (by pg_upgrade, for one), restart Holdfast, which forgets the old one",
	}
}

// withdraw takes back all findings: nobody watches any more.
func (c *Cluster) withdraw() {
	f := c.config.Health
	if f == nil {
		return
	}
	f.Clear(c.headless())
	f.Clear(c.torn())
	for _, h := range c.config.Hosts {
		f.Clear(hostDown(h))
		f.Clear(hostStale(h))
		f.Clear(hostStranger(h))
	}
}

// report tells what is wrong. Callers must hold mu.
func (c *Cluster) report(v *view) {
	f := c.config.Health
	if f == nil {
		return
	}
	say := func(holds bool, condition health.Condition, text string) {
		if holds {
			f.Set(condition, text)
		} else {
			f.Clear(condition)
		}
	}
	say(!v.state.hasPrimary(), c.headless(), describe(v, nil))
	say(v.state.Split, c.torn(), describe(v, nil))
	for _, s := range v.status {
		say(s.Role == RoleDown, hostDown(s.Host), s.Trouble)
		say(s.Role == RoleStale, hostStale(s.Host), s.Trouble)
		say(s.Role == RoleStranger, hostStranger(s.Host), s.Trouble)
	}
}
