package cluster

import (
	"fmt"
	"strings"
	"time"
)

// Role is what a host is to its clients.
type Role string

// The roles.
const (
	RolePrimary  Role = "primary"
	RoleReplica  Role = "replica"
	RoleStale    Role = "stale"    // a primary that was replaced, or a replica that does not follow the present one
	RoleSplit    Role = "split"    // one of several primaries on the same timeline
	RoleStranger Role = "stranger" // of another cluster
	RoleDown     Role = "down"
	RoleUnknown  Role = "unknown" // not asked yet
)

// member is a host and what is known of it, as judge sees it.
type member struct {
	host   Host
	sample sample // the last answer
	known  bool   // there was one
	up     bool   // it counts
	err    error  // of the last check
	misses int    // checks without an answer since the last one
	since  time.Time
	asked  time.Time // when the last check ended
}

// memory is what was learned and outlives the hosts that told it.
type memory struct {
	system   string // the cluster's identifier; empty: none yet
	timeline uint32 // the highest that was seen
	teller   string // the host that showed it
}

// verdict is what follows from what is known.
type verdict struct {
	roles   []Role
	why     []string // for roles that mean trouble: what was seen
	primary int      // index of the host, -1: none
	split   bool
}

// learn takes in the answers of all hosts. It does nothing else to memory than judge may count on.
func (m *memory) learn(all []member) {
	if m.system == "" {
		m.system = majority(all)
	}
	for _, a := range all {
		if a.up && a.sample.system == m.system && a.sample.timeline > m.timeline {
			m.timeline, m.teller = a.sample.timeline, a.host.Name
		}
	}
}

// majority returns the identifier that most hosts show; among equals, the one that is shown first.
func majority(all []member) string {
	best, votes := "", map[string]int{}
	for _, a := range all {
		if a.up {
			votes[a.sample.system]++
		}
	}
	for _, a := range all {
		if a.up && votes[a.sample.system] > votes[best] {
			best = a.sample.system
		}
	}
	return best
}

// judge says what every host is. It depends on nothing but its arguments.
func judge(all []member, m memory) verdict {
	v := verdict{roles: make([]Role, len(all)), why: make([]string, len(all)), primary: -1}
	var heads []int // hosts that are primaries on the highest timeline, one for each server
	for i, a := range all {
		v.roles[i], v.why[i] = single(a, m)
		if v.roles[i] == RolePrimary && !sameServer(all, heads, a) {
			heads = append(heads, i)
		}
	}
	switch len(heads) {
	case 0:
	case 1:
		v.primary = heads[0]
	default:
		v.split = true
		for i, a := range all {
			if v.roles[i] == RolePrimary {
				v.roles[i] = RoleSplit
				v.why[i] = fmt.Sprintf("it is a primary on timeline %d, and so is another: %s", a.sample.timeline, names(all, heads))
			}
		}
	}
	return v
}

// single judges a host by itself.
func single(a member, m memory) (Role, string) {
	switch {
	case !a.up && a.err == nil:
		return RoleUnknown, "it was not asked yet"
	case !a.up:
		return RoleDown, a.err.Error()
	case a.sample.system != m.system:
		return RoleStranger, fmt.Sprintf("its system identifier is %s, the cluster's is %s", a.sample.system, m.system)
	case a.sample.timeline < m.timeline && a.sample.recovery:
		return RoleStale, fmt.Sprintf("it is a replica on timeline %d, the newest is %d (seen at %s)", a.sample.timeline, m.timeline, m.teller)
	case a.sample.timeline < m.timeline:
		return RoleStale, fmt.Sprintf("it is a primary on timeline %d, the newest is %d (seen at %s)", a.sample.timeline, m.timeline, m.teller)
	case a.sample.recovery:
		return RoleReplica, ""
	}
	return RolePrimary, ""
}

// sameServer reports whether a is one of the heads under another name: no two servers start in the same microsecond.
func sameServer(all []member, heads []int, a member) bool {
	for _, i := range heads {
		if all[i].sample.started.Equal(a.sample.started) {
			return true
		}
	}
	return false
}

func names(all []member, which []int) string {
	list := make([]string, len(which))
	for i, n := range which {
		list[i] = all[n].host.Name
	}
	return strings.Join(list, ", ")
}
