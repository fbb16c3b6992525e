package pooler

import "holdfast/internal/relay"

// Status is how the pooler fares.
type Status struct {
	Endpoints  []EndpointStatus `json:"endpoints"`
	Clients    int              `json:"clients"`
	Waiting    int              `json:"waiting"`
	Servers    int              `json:"servers"`
	MaxServers int              `json:"max_servers"`
}

// EndpointStatus is one listener.
type EndpointStatus struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Target  string `json:"target"`
}

// Status returns how the pooler fares now.
func (p *Pooler) Status() Status {
	s := Status{Clients: p.clients.count()}
	for _, e := range p.endpoints {
		s.Endpoints = append(s.Endpoints, EndpointStatus{Address: e.addr(), Mode: e.modeName(), Target: e.config.Target})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.groups {
		stats := g.pool.Stats()
		s.Waiting += stats.Waiting
		s.Servers += stats.Size
		s.MaxServers += stats.MaxSize
	}
	return s
}

func (e *endpoint) modeName() string {
	if e.mode == relay.Transaction {
		return ModeTransaction
	}
	return ModeSession
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.byPID)
}
