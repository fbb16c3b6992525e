package web

import (
	"context"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// quicPeers are the connections of a QUICServer. A connection on which no request is being answered ends after a time, however
// many packets and halves of requests come on it.
type quicPeers struct {
	times quicTimes

	mu      sync.Mutex // protects the following and what the peers have
	leaving bool
	all     map[*quicPeer]struct{}
}

// quicPeer is one of them.
type quicPeer struct {
	peers *quicPeers
	conn  *quic.Conn
	timer *time.Timer // runs while no request is being answered
	under int         // requests being answered
	last  time.Time   // when the last of them ended
}

type quicPeerKey struct{}

func newQUICPeers(t quicTimes) *quicPeers { return &quicPeers{times: t, all: map[*quicPeer]struct{}{}} }

// welcome begins to watch a connection; it is http3.Server's ConnContext.
func (p *quicPeers) welcome(ctx context.Context, c *quic.Conn) context.Context {
	peer := &quicPeer{peers: p, conn: c}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[peer] = struct{}{}
	first := p.times.first
	if p.leaving {
		first = 0
	}
	peer.timer = time.AfterFunc(first, peer.end)
	context.AfterFunc(c.Context(), peer.forget)
	return context.WithValue(ctx, quicPeerKey{}, peer)
}

// leave ends the connections that are idle, and every other one when it is.
func (p *quicPeers) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = true
	for peer := range p.all {
		if peer.under == 0 {
			peer.timer.Reset(max(0, p.times.linger-time.Since(peer.last)))
		}
	}
}

func quicPeerOf(ctx context.Context) *quicPeer {
	peer, _ := ctx.Value(quicPeerKey{}).(*quicPeer)
	return peer
}

// busy notes a request, until done is called.
func (q *quicPeer) busy() (done func()) {
	p := q.peers
	p.mu.Lock()
	defer p.mu.Unlock()
	q.under++
	q.timer.Stop()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		q.last = time.Now()
		if q.under--; q.under > 0 {
			return
		}
		if p.leaving {
			q.timer.Reset(p.times.linger)
		} else {
			q.timer.Reset(p.times.idle)
		}
	}
}

// end closes the connection, unless a request came in the last moment.
func (q *quicPeer) end() {
	q.peers.mu.Lock()
	under := q.under
	q.peers.mu.Unlock()
	if under == 0 {
		_ = q.conn.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "idle") // it may be gone already
	}
}

func (q *quicPeer) forget() {
	q.peers.mu.Lock()
	defer q.peers.mu.Unlock()
	q.timer.Stop()
	delete(q.peers.all, q)
}
