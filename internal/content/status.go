package content

// Status is what the producing half does at this moment, in this process.
type Status struct {
	Syncs    bool             // this process holds the role
	Token    int64            // of the role; 0 when another process holds it
	Waiting  int              // sources whose turn it is
	Running  int              // sources that are being synced
	Troubles map[string]error // background work that fails now, by its name; empty when all is well
}

// Status answers from memory.
func (c *Content) Status() Status {
	s := Status{Token: c.producer.role.held(), Troubles: c.trouble.All()}
	s.Syncs = s.Token != 0
	c.producer.mu.Lock()
	q := c.producer.queue
	c.producer.mu.Unlock()
	if q != nil {
		s.Waiting, s.Running = q.length()
	}
	return s
}
