package cacheserver

const (
	maxQueue   = 1 << 14 // commands of a transaction
	maxWatched = 1 << 12 // keys
	queueCost  = 256     // bytes that a queued command takes besides its arguments
)

// transaction is what MULTI and WATCH of a client began.
type transaction struct {
	open    bool // after MULTI
	failed  bool // a command could not be queued
	running bool // EXEC is at work
	queue   []queued
	bytes   int64
	watched map[string]uint64 // the version of each key, 0 for none
	limit   int64             // of the writer while it runs
}

type queued struct {
	command *command
	args    [][]byte
}

func (c *client) enqueue(cmd *command, args [][]byte) {
	for _, a := range args {
		c.tx.bytes += int64(len(a)) + 32
	}
	c.tx.bytes += queueCost
	if len(c.tx.queue) >= maxQueue || c.tx.bytes > c.server.maxCommand() {
		c.tx.failed = true
		c.w.Error("ERR transaction too large")
		return
	}
	c.tx.queue = append(c.tx.queue, queued{cmd, args})
	c.w.Simple("QUEUED")
}

func multi(c *client, _ [][]byte) {
	if c.tx.open {
		c.w.Error("ERR MULTI calls can not be nested")
		return
	}
	c.tx.open, c.tx.failed = true, false
	c.w.Simple("OK")
}

func discard(c *client, _ [][]byte) {
	if !c.tx.open {
		c.w.Error("ERR DISCARD without MULTI")
		return
	}
	c.tx = transaction{}
	c.w.Simple("OK")
}

func watch(c *client, a [][]byte) {
	if c.tx.open {
		c.w.Error("ERR WATCH inside MULTI is not allowed")
		return
	}
	if c.tx.watched == nil {
		c.tx.watched = map[string]uint64{}
	}
	if len(c.tx.watched)+len(a) > maxWatched {
		c.w.Error("ERR too many watched keys")
		return
	}
	for _, name := range a[1:] {
		key := c.key(name)
		if _, had := c.tx.watched[key]; !had {
			c.tx.watched[key] = c.store.versionOf(key)
		}
	}
	c.w.Simple("OK")
}

func unwatch(c *client, _ [][]byte) {
	c.tx.watched = nil
	c.w.Simple("OK")
}

// versionOf returns the version of a key, 0 when there is none.
func (s *store) versionOf(key string) uint64 {
	if i := s.peek(key); i != nil {
		return i.version
	}
	return 0
}

// exec runs the queue. The store's lock is held already.
func exec(c *client, _ [][]byte) {
	t := c.tx
	if !t.open {
		c.w.Error("ERR EXEC without MULTI")
		return
	}
	c.tx = transaction{}
	if t.failed {
		c.w.Error("EXECABORT Transaction discarded because of previous errors.")
		return
	}
	for key, version := range t.watched {
		if c.store.versionOf(key) != version {
			c.w.NullArray()
			return
		}
	}
	c.tx.running, c.tx.limit = true, c.w.Limit
	c.w.Array(len(t.queue))
	for _, q := range t.queue {
		c.execute(q.command, q.args)
	}
	c.tx.running = false
}
