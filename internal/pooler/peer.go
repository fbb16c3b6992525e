package pooler

import (
	"context"
	"io"
	"net"
	"slices"
	"time"

	"holdfast/internal/pgwire"
)

// Process ids that clients are told, when there are peers: the upper bits name the process, so that any of them knows where a
// cancel request belongs. They stay positive numbers of 32 bits, which is what drivers expect.
const (
	peerShift = 20
	maxPeer   = 1<<(31-peerShift) - 1
	peerTime  = 5 * time.Second
	// maxForwards is how many cancel requests may be on their way to peers.
	maxForwards = 100
)

// ownPeer returns the number of this process among its peers, 0 when there are none: the peer whose address is an endpoint of
// ours on this machine.
func (p *Pooler) ownPeer() int {
	local, _ := net.InterfaceAddrs() // without them only addresses that are written alike match
	for _, peer := range p.config.Peers {
		host, port, err := net.SplitHostPort(peer.Address)
		if err != nil {
			continue
		}
		here := slices.ContainsFunc(local, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.String() == host
		})
		for _, e := range p.config.Endpoints {
			_, ours, err := net.SplitHostPort(e.Listen)
			if e.Listen == peer.Address || err == nil && here && ours == port {
				return peer.ID
			}
		}
	}
	return 0
}

// forward passes a cancel request on to the process that it belongs to, and reports whether there is one.
func (p *Pooler) forward(ctx context.Context, r pgwire.Startup) bool {
	id := int(r.PID >> peerShift)
	i := slices.IndexFunc(p.config.Peers, func(peer Peer) bool { return peer.ID == id })
	if i < 0 || id == p.clients.peer {
		return false
	}
	select {
	case p.forwards <- struct{}{}:
		defer func() { <-p.forwards }()
	default:
		return true // a flood: this one is lost, as a cancel request may be
	}
	p.forwarding[i].Add(1)
	defer p.forwarding[i].Add(-1)
	ctx, stop := context.WithTimeout(ctx, peerTime)
	defer stop()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.config.Peers[i].Address)
	if err != nil {
		p.log.Warn("cancel request not passed on", "peer", id, "error", err)
		return true
	}
	defer c.Close() //nolint:errcheck // nothing follows
	_ = c.SetDeadline(time.Now().Add(peerTime))
	if _, err := c.Write(pgwire.AppendCancel(nil, r.PID, r.Key)); err == nil {
		_, _ = io.Copy(io.Discard, c) // it says nothing, and closes when it is done
	}
	return true
}
