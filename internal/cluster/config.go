package cluster

import (
	"errors"
	"fmt"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/secret"
)

const (
	defaultInterval = time.Second
	defaultTimeout  = 2 * time.Second
	defaultMisses   = 2
	hurry           = 200 * time.Millisecond // between checks while somebody waits for what they bring
	farewell        = 100 * time.Millisecond // for the good-bye on a connection for checks
	connectionLife  = 10 * time.Second       // of a connection for checks: then the name is resolved again
)

// Host is where a server is found.
type Host struct {
	Name    string `json:"name"`    // what people call it; empty: Address
	Network string `json:"network"` // "tcp" or "unix"; empty: tcp
	Address string `json:"address"` // "db-1.local:5432", or the path of the socket's file
	// ServerName is what the certificate must be made out to; empty: the host of Address.
	ServerName string `json:"server_name,omitempty"`
	// Weight is the host's share of reads among the replicas. 0: 1; negative: none.
	Weight int `json:"weight,omitempty"`
}

// Monitor says how checks log in. Any role that may connect will do; pg_monitor sees more. Settings that are empty follow
// libpq: PGPASSWORD or ~/.pgpass where there is no password.
type Monitor struct {
	User, Database string
	Password       secret.String
	SSLMode        string // libpq's; empty: prefer
	SSLNegotiation string // libpq's: postgres or direct
	SSLRootCert    string // files are read at each connection
	SSLCert        string
	SSLKey         string
	ChannelBinding string // libpq's; empty: prefer
}

// Findings is where what is wrong is told: a *health.Registry.
type Findings interface {
	Set(c health.Condition, text string)
	Clear(c health.Condition)
}

// Config says which hosts are watched and how.
type Config struct {
	Name     string // of the cluster, for people: the subject of findings
	Hosts    []Host // in order of preference where nothing else decides
	Monitor  Monitor
	Interval time.Duration // between checks of a host; 0: 1 s
	Timeout  time.Duration // for a check, connecting included; 0: 2 s
	Misses   int           // checks without an answer in time after which a host is down; 0: 2
	Health   Findings      // nil: nobody
}

func (c Config) complete() Config {
	if c.Interval <= 0 {
		c.Interval = defaultInterval
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Misses <= 0 {
		c.Misses = defaultMisses
	}
	hosts := make([]Host, len(c.Hosts))
	for i, h := range c.Hosts {
		if h.Name == "" {
			h.Name = h.Address
		}
		if h.Network == "" {
			h.Network = "tcp"
		}
		if h.Weight == 0 {
			h.Weight = 1
		}
		hosts[i] = h
	}
	c.Hosts = hosts
	return c
}

// Validate reports all mistakes of a configuration.
func (c Config) Validate() error {
	var all []error
	add := func(format string, args ...any) {
		all = append(all, fault.New(fault.Config, "cluster_config", format, args...))
	}
	if len(c.Hosts) == 0 {
		add("no hosts")
	}
	seen := map[string]bool{}
	for _, h := range c.complete().Hosts {
		if seen[h.Name] {
			add("host %q stands there twice", h.Name)
		}
		seen[h.Name] = true
		if h.Network != "tcp" && h.Network != "unix" {
			add("host %q: network %q is not one of tcp, unix", h.Name, h.Network)
		} else if _, err := c.Monitor.settings(h); err != nil {
			all = append(all, err)
		}
	}
	if c.Monitor.User == "" {
		add("no user for checks")
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("cluster %q: %w", c.Name, err)
	}
	return nil
}
