package cacheserver

import (
	"bytes"
	"errors"
	"net"
	"sync"

	"holdfast/internal/resp"
)

const (
	maxTopics  = 1024    // channels and patterns of one client
	maxBacklog = 8 << 20 // bytes of messages that a subscriber has not read yet
)

// topic is a channel, or a pattern of channels.
type topic struct {
	name    string
	pattern bool
}

// hub knows who listens to what.
type hub struct {
	mu       sync.Mutex // protects the following
	channels map[string]map[*client]struct{}
	patterns map[string]map[*client]struct{}
}

func newHub() *hub {
	return &hub{channels: map[string]map[*client]struct{}{}, patterns: map[string]map[*client]struct{}{}}
}

func (h *hub) of(t topic) map[string]map[*client]struct{} {
	if t.pattern {
		return h.patterns
	}
	return h.channels
}

// join enters a client and calls confirm before any message can reach it.
func (h *hub) join(c *client, t topic, confirm func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.of(t)
	if all[t.name] == nil {
		all[t.name] = map[*client]struct{}{}
	}
	all[t.name][c] = struct{}{}
	confirm()
}

// part removes a client and calls confirm when no message can reach it any more.
func (h *hub) part(c *client, t topic, confirm func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(c, t)
	confirm()
}

func (h *hub) drop(c *client, t topic) {
	all := h.of(t)
	delete(all[t.name], c)
	if len(all[t.name]) == 0 {
		delete(all, t.name)
	}
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range c.topics {
		h.drop(c, t)
	}
}

// publish gives a message to all who listen and returns how many there were. Who reads too slowly is cut.
func (h *hub) publish(channel string, message []byte) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int64(0)
	deliver := func(to map[*client]struct{}, pattern string, isPattern bool) {
		var encoded [2][]byte // RESP2 and RESP3: one copy for all
		for c := range to {
			c.mu.Lock()
			proto := c.listed.proto
			c.mu.Unlock()
			e := &encoded[proto-2]
			if *e == nil {
				*e = encodeMessage(proto, channel, pattern, isPattern, message)
			}
			c.box.message(*e)
			n++
		}
	}
	deliver(h.channels[channel], "", false)
	for pattern, to := range h.patterns {
		if match(pattern, channel) {
			deliver(to, pattern, true)
		}
	}
	return n
}

func encodeMessage(proto int, channel, pattern string, isPattern bool, message []byte) []byte {
	w := resp.Writer{Proto: proto}
	if isPattern {
		w.Push(4)
		w.Text("pmessage")
		w.Text(pattern)
	} else {
		w.Push(3)
		w.Text("message")
	}
	w.Text(channel)
	w.Bulk(message)
	return bytes.Join(w.Take(), nil)
}

// mailbox holds what a subscriber is to be sent, from us and from those who publish. Its own goroutine sends it.
type mailbox struct {
	conn net.Conn

	mu      sync.Mutex // protects the following
	changed *sync.Cond
	parts   net.Buffers
	backlog int // bytes of messages
	sending bool
	closed  bool
}

func newMailbox(conn net.Conn) *mailbox {
	b := &mailbox{conn: conn}
	b.changed = sync.NewCond(&b.mu)
	return b
}

var errSlow = errors.New("subscriber reads too slowly")

// message adds a message; a box that is too full is closed, and the connection with it.
func (b *mailbox) message(m []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if b.backlog += len(m); b.backlog > maxBacklog {
		b.closed, b.parts = true, nil
		b.conn.Close()
	} else {
		b.parts = append(b.parts, m)
	}
	b.changed.Broadcast()
}

// put adds a reply.
func (b *mailbox) put(parts net.Buffers) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range parts {
		b.parts = append(b.parts, bytes.Clone(p)) // the last one belongs to the writer
	}
	b.changed.Broadcast()
}

// own adds replies and waits until all is sent: who asks must read.
func (b *mailbox) own(parts net.Buffers) error {
	b.put(parts)
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closed && (len(b.parts) > 0 || b.sending) {
		b.changed.Wait()
	}
	if b.closed {
		return errSlow
	}
	return nil
}

func (b *mailbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.parts = true, nil
	b.changed.Broadcast()
}

// pump sends until the box is closed.
func (b *mailbox) pump(send func(net.Buffers) error) {
	for {
		parts, bytes := b.take()
		if parts == nil {
			return
		}
		if send(parts) != nil {
			b.close()
			b.conn.Close()
			return
		}
		b.mu.Lock()
		b.sending = false
		b.backlog -= bytes
		b.changed.Broadcast()
		b.mu.Unlock()
	}
}

func (b *mailbox) take() (net.Buffers, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.parts) == 0 && !b.closed {
		b.changed.Wait()
	}
	if b.closed {
		return nil, 0
	}
	parts, bytes := b.parts, b.backlog
	b.parts, b.sending = nil, true
	return parts, bytes
}

// subscribe is SUBSCRIBE and PSUBSCRIBE.
func subscribe(c *client, a [][]byte) {
	if c.tx.open {
		c.w.Error("ERR Command not allowed inside a transaction")
		c.tx.failed = true
		return
	}
	if len(c.topics)+len(a)-1 > maxTopics {
		c.w.Error("ERR too many subscriptions")
		return
	}
	if c.flush() != nil { // what was answered before comes first
		c.closing = true
		return
	}
	if c.box == nil {
		c.box = newMailbox(c.conn)
		c.pumping.Go(func() { c.box.pump(c.send) })
	}
	kind := lower(a[0])
	for _, name := range a[1:] {
		t := topic{string(name), kind[0] == 'p'}
		c.server.hub.join(c, t, func() {
			c.topics[t] = struct{}{}
			c.confirm(kind, t.name, false)
		})
	}
	c.note()
}

// unsubscribe is UNSUBSCRIBE and PUNSUBSCRIBE; without names of all.
func unsubscribe(c *client, a [][]byte) {
	kind := lower(a[0])
	pattern := kind[0] == 'p'
	names := a[1:]
	if len(names) == 0 {
		for t := range c.topics {
			if t.pattern == pattern {
				names = append(names, []byte(t.name))
			}
		}
	}
	if len(names) == 0 {
		c.confirm(kind, "", true)
		return
	}
	for _, name := range names {
		t := topic{string(name), pattern}
		c.server.hub.part(c, t, func() {
			delete(c.topics, t)
			c.confirm(kind, t.name, false)
		})
	}
	c.note()
}

// confirm tells of a subscription that came or went, and how many there are.
func (c *client) confirm(kind, name string, none bool) {
	w := &resp.Writer{Proto: c.w.Proto}
	w.Push(3)
	w.Text(kind)
	if none {
		w.Null()
	} else {
		w.Text(name)
	}
	w.Int(int64(len(c.topics)))
	if c.box == nil {
		for _, part := range w.Take() {
			c.w.Raw(part)
		}
		return
	}
	c.box.put(w.Take())
}

func publish(c *client, a [][]byte) {
	c.w.Int(c.server.hub.publish(string(a[1]), a[2]))
}

// pubsub is PUBSUB CHANNELS, NUMSUB and NUMPAT.
func pubsub(c *client, a [][]byte) {
	h := c.server.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case is(a[1], "channels") && len(a) <= 3:
		var found []string
		for name := range h.channels {
			if len(a) == 2 || match(string(clip(a[2])), name) {
				found = append(found, name)
			}
		}
		c.listOf(found)
	case is(a[1], "numsub"):
		c.w.Array(2 * (len(a) - 2))
		for _, name := range a[2:] {
			c.w.Bulk(name)
			c.w.Int(int64(len(h.channels[string(name)])))
		}
	case is(a[1], "numpat") && len(a) == 2:
		c.w.Int(int64(len(h.patterns)))
	default:
		c.w.Error(unknownSub(a))
	}
}
