package pooler

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"holdfast/internal/pgwire"
)

// Process ids that clients are told, when there are peers: the upper bits name the process, so that any of them knows where a
// cancel request belongs. They stay positive numbers of 32 bits, which is what drivers expect.
const (
	peerShift = 20
	maxPeer   = 1<<(31-peerShift) - 1
	// forwarded marks the process id of a cancel request that comes from a peer, in the bit that ids of ours never have. It is not
	// passed on again: with peers that are configured differently it would go in circles.
	forwarded = 1 << 31
	peerTime  = 5 * time.Second
	// maxForwards is how many cancel requests may be on their way to peers.
	maxForwards = 100
)

// ownPeer returns the number of this process among its peers, 0 when there are none: the peer whose address is an endpoint of
// ours on this machine.
func (p *Pooler) ownPeer() int {
	for _, peer := range p.config.Peers {
		if slices.ContainsFunc(p.config.Endpoints, func(e Endpoint) bool { return listensAt(e.Listen, peer.Address) }) {
			return peer.ID
		}
	}
	if len(p.config.Peers) > 0 {
		p.log.Warn("no peer has the address of an endpoint of this process: cancel requests that arrive elsewhere will not find it")
	}
	return 0
}

// listensAt reports whether who connects to an address comes to a listener of this machine.
func listensAt(listen, address string) bool {
	if listen == address {
		return true
	}
	at, port, err := net.SplitHostPort(listen)
	host, wanted, wrong := net.SplitHostPort(address)
	if err != nil || wrong != nil || port != wanted {
		return false
	}
	if ip, err := netip.ParseAddr(at); at != "" && (err != nil || !ip.IsUnspecified()) {
		return false // it listens at one address alone, and that is another
	}
	local, _ := net.InterfaceAddrs() // without them only addresses that are written alike match
	return slices.ContainsFunc(local, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.String() == host
	})
}

// forward passes a cancel request on to the process that it belongs to, and reports whether there is one. It goes one way: what
// comes from a peer ends here.
func (p *Pooler) forward(ctx context.Context, r pgwire.Startup) bool {
	if r.PID&forwarded != 0 {
		return false
	}
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
	if _, err := c.Write(pgwire.AppendCancel(nil, r.PID|forwarded, r.Key)); err == nil {
		_, _ = io.Copy(io.Discard, c) // it says nothing, and closes when it is done
	}
	return true
}
