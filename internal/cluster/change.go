package cluster

import (
	"context"
	"maps"
	"slices"
	"time"
)

// Change says what became of the cluster.
type Change struct {
	At            time.Time
	Before, After State
}

// Subscribe has f called with every change from now on, one after the other, by a goroutine of the cluster: f may call the
// cluster's methods, but not Stop, and should be quick. After cancel returned no further call begins.
func (c *Cluster) Subscribe(f func(Change)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribed++
	id := c.subscribed
	c.subscribers[id] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subscribers, id)
	}
}

// message is a change on its way to those who subscribed before it.
type message struct {
	change Change
	to     []int // their numbers, in the order in which they subscribed
}

// announce queues a change for the subscribers. Callers must hold mu.
func (c *Cluster) announce(change Change) {
	c.logChange(change)
	c.queue = append(c.queue, message{change, slices.Sorted(maps.Keys(c.subscribers))})
	select {
	case c.queued <- struct{}{}:
	default:
	}
}

// tell calls the subscribers.
func (c *Cluster) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.queued:
		}
		for m, ok := c.next(); ok; m, ok = c.next() {
			for _, id := range m.to {
				if f := c.subscriber(id); f != nil {
					f(m.change)
				}
			}
		}
	}
}

// next takes a message off the queue.
func (c *Cluster) next() (m message, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return message{}, false
	}
	m = c.queue[0]
	c.queue = c.queue[1:]
	return m, true
}

// subscriber returns nil for one who has cancelled.
func (c *Cluster) subscriber(id int) func(Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subscribers[id]
}

func (c *Cluster) logChange(change Change) {
	before, after := change.Before, change.After
	switch {
	case after.Split && !before.Split:
		c.log.Error("cluster has several primaries on one timeline", "cluster", c.config.Name, "timeline", after.Timeline)
	case after.Primary != before.Primary && after.hasPrimary():
		c.log.Info("cluster has a primary", "cluster", c.config.Name, "host", after.Primary.Name, "timeline", after.Timeline)
	case after.Primary != before.Primary:
		c.log.Warn("cluster has no primary", "cluster", c.config.Name, "last", before.Primary.Name)
	default:
		c.log.Info("cluster changed", "cluster", c.config.Name, "timeline", after.Timeline, "replicas", len(after.Replicas))
	}
}
