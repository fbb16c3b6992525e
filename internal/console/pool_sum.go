package console

import (
	"cmp"
	"slices"
	"strings"
)

// perUser adds up the pools of each database and user, in the order in which they first come. The longest wait is that of all;
// modes that differ are all named.
func perUser(pools []Pool) []Pool {
	type key struct{ database, user string }
	var sums []Pool
	at := make(map[key]int, len(pools))
	for _, p := range pools {
		k := key{p.Database, p.User}
		i, known := at[k]
		if !known {
			at[k] = len(sums)
			sums = append(sums, p)
			continue
		}
		sums[i].add(p)
	}
	return sums
}

func (p *Pool) add(o Pool) {
	p.ClientsActive += o.ClientsActive
	p.ClientsWaiting += o.ClientsWaiting
	p.ClientsCanceling += o.ClientsCanceling
	p.ClientsCancelWaiting += o.ClientsCancelWaiting
	p.ServersActive += o.ServersActive
	p.ServersCanceling += o.ServersCanceling
	p.ServersBeingCanceled += o.ServersBeingCanceled
	p.ServersIdle += o.ServersIdle
	p.ServersUsed += o.ServersUsed
	p.ServersTested += o.ServersTested
	p.ServersLogin += o.ServersLogin
	p.MaxWait = max(p.MaxWait, o.MaxWait)
	p.Size += o.Size
	p.MinSize += o.MinSize
	p.Pinned += o.Pinned
	p.LastError = cmp.Or(p.LastError, o.LastError)
	if modes := strings.Split(p.Mode, ","); !slices.Contains(modes, o.Mode) {
		modes = append(modes, o.Mode)
		slices.Sort(modes)
		p.Mode = strings.Join(modes, ",")
	}
}
