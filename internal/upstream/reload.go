package upstream

import (
	"context"
	"slices"
	"time"
)

// Reload puts other servers and settings in force, without touching what is under way. Servers that are in both lists keep all
// that is known of them: whether they are up, drained, warm, how much they have to do. Those that are new are taken to be up.
// Requests to those that are gone may finish. Key and Metrics stay what they were. With an error nothing has changed.
func (p *Pool) Reload(o Options) error {
	servers, err := parseServers(o.Servers)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.options()
	o.Key, o.Metrics = was.Key, was.Metrics
	timeouts := was.Config.Timeouts != o.Config.Timeouts
	p.opts.Store(&o)
	p.replace(servers, o, timeouts)
	p.rescue()
	p.dispatch()
	return nil
}

// replace makes the list of nodes anew. Callers must hold mu.
func (p *Pool) replace(servers []Server, o Options, timeouts bool) {
	var nodes []*node
	for _, s := range servers {
		i := slices.IndexFunc(p.nodes, func(n *node) bool { return n.ID == s.ID })
		if i < 0 {
			n := newNode(s, o)
			p.meter.up(s.ID, true)
			p.base.Go(func(ctx context.Context) { p.watch(ctx, n) }) // not before Start, which does it then
			nodes = append(nodes, n)
			continue
		}
		n := p.nodes[i]
		if timeouts {
			n.transport.Swap(newTransport(s, o.Config.Timeouts)).CloseIdleConnections()
		}
		nodes = append(nodes, n)
	}
	for _, n := range p.nodes {
		if !slices.Contains(nodes, n) {
			p.dismiss(n)
		}
	}
	p.nodes = nodes
	p.plain.Store(allPlain(nodes))
}

// dismiss lets a server go. Callers must hold mu.
func (p *Pool) dismiss(n *node) {
	close(n.gone)
	n.closeIdle()
	p.meter.forget(n.ID)
	if n.down && p.options().Report != nil {
		p.options().Report(n.ID, nil)
	}
}

// Idle waits until no request is under way, which is for a pool that gets no more of them.
func (p *Pool) Idle(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for p.busy.Load() > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
