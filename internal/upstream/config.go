package upstream

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Config is the table [edge.upstream]: how the application's servers are treated. They are named in edge.upstreams.
type Config struct {
	// MaxConnections is how many requests one server gets at once; more wait. Default 0: no limit.
	MaxConnections int `toml:"max_connections"`
	// MaxWaiting is how many requests may wait for a server at once; more are answered 503 at once. Default 1000.
	MaxWaiting int `toml:"max_waiting"`
	// MaxBody is the largest body of a request, larger ones are answered 413. Default 1GiB.
	MaxBody unit.Bytes `toml:"max_body"`
	// Sticky is the name of a cookie that brings a visitor back to the same server. Default none.
	Sticky string `toml:"sticky"`
	// SlowStart is how long a server that came back gets less than its share. Default 10s.
	SlowStart unit.Duration `toml:"slow_start"`
	// Health says how it is found out whether a server is up.
	Health Health `toml:"health"`
	// Timeouts are the limits of every wait.
	Timeouts Timeouts `toml:"timeouts"`
}

// Health is the table [edge.upstream.health].
type Health struct {
	// Path is asked for by GET and has to be answered with 2xx or 3xx. Default none: a connection is enough.
	Path string `toml:"path"`
	// Host is the name that checks ask for. Default: the edge's first host.
	Host string `toml:"host"`
	// Interval is the time between checks of a server. Default 1s.
	Interval unit.Duration `toml:"interval"`
	// Timeout is how long a check may take. Default 2s.
	Timeout unit.Duration `toml:"timeout"`
	// Rise is how many checks in a row have to succeed until a server is up again. Default 1.
	Rise int `toml:"rise"`
	// Fall is how many failures in a row take a server down. Default 2.
	Fall int `toml:"fall"`
}

// Timeouts is the table [edge.upstream.timeouts].
type Timeouts struct {
	// Wait is how long a request waits for a server that is up and has room. Default 5s.
	Wait unit.Duration `toml:"wait"`
	// Connect is how long a connection to a server may take. Default 3s.
	Connect unit.Duration `toml:"connect"`
	// Header is how long a server may take until its answer begins. A little less than the application's own limit (60s of
	// Gunicorn with --timeout 60) tells the visitor before the worker is killed. Default 55s.
	Header unit.Duration `toml:"header"`
	// Idle is how long an answer may pause once it began; server-sent events and WebSockets, too. Default 5m.
	Idle unit.Duration `toml:"idle"`
	// Total is how long GET, HEAD and OPTIONS may take as a whole. Default 0: no limit.
	Total unit.Duration `toml:"total"`
}

// DefaultConfig returns limits that fit an application under Gunicorn.
func DefaultConfig() Config {
	return Config{
		MaxWaiting: 1000, MaxBody: 1 << 30, SlowStart: unit.Duration(10 * time.Second),
		Health: Health{
			Interval: unit.Duration(time.Second), Timeout: unit.Duration(2 * time.Second), Rise: 1, Fall: 2,
		},
		Timeouts: Timeouts{
			Wait: unit.Duration(5 * time.Second), Connect: unit.Duration(3 * time.Second),
			Header: unit.Duration(55 * time.Second), Idle: unit.Duration(5 * time.Minute),
		},
	}
}

// Over returns the settings with what they leave out taken from a base: everything but sticky, health.path and health.host, which one
// application does not have because another one has.
func (c Config) Over(base Config) Config {
	c.MaxConnections = cmp.Or(c.MaxConnections, base.MaxConnections)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, base.MaxWaiting)
	c.MaxBody = cmp.Or(c.MaxBody, base.MaxBody)
	c.SlowStart = cmp.Or(c.SlowStart, base.SlowStart)
	h, t := &c.Health, &c.Timeouts
	h.Interval = cmp.Or(h.Interval, base.Health.Interval)
	h.Timeout = cmp.Or(h.Timeout, base.Health.Timeout)
	h.Rise = cmp.Or(h.Rise, base.Health.Rise)
	h.Fall = cmp.Or(h.Fall, base.Health.Fall)
	t.Wait = cmp.Or(t.Wait, base.Timeouts.Wait)
	t.Connect = cmp.Or(t.Connect, base.Timeouts.Connect)
	t.Header = cmp.Or(t.Header, base.Timeouts.Header)
	t.Idle = cmp.Or(t.Idle, base.Timeouts.Idle)
	t.Total = cmp.Or(t.Total, base.Timeouts.Total)
	return c
}

// Validate reports every mistake; keys are relative to the table.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if c.MaxConnections < 0 || c.MaxWaiting < 0 {
		p.Add("max_connections", "write 0 for no limit", "a count cannot be negative")
	}
	if c.MaxBody <= 0 {
		p.Add("max_body", `write a size, as "100MiB"`, "without a limit a visitor could fill the application's disk")
	}
	if c.Sticky != "" && !regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`).MatchString(c.Sticky) {
		p.Add("sticky", "use letters, digits, hyphens and underscores", "%q cannot name a cookie", c.Sticky)
	}
	p = append(p, c.Health.validate().Under("health")...)
	return append(p, c.Timeouts.validate().Under("timeouts")...)
}

func (h Health) validate() fault.Problems {
	var p fault.Problems
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		p.Add("path", `begin it with a slash, as "/healthz"`, "%q is not a path", h.Path)
	}
	if h.Interval.D() < 100*time.Millisecond {
		p.Add("interval", "write 100ms or more", "%s would be a load of its own", h.Interval)
	}
	if h.Timeout <= 0 {
		p.Add("timeout", `write a duration, as "2s"`, "a check without an end finds out nothing")
	}
	if h.Rise < 1 || h.Fall < 1 {
		p.Add("fall", "write 1 or more for rise and fall", "a count of checks cannot be less than 1")
	}
	return p
}

// validate holds the limits to one order: what is inside ends before what is around it.
func (t Timeouts) validate() fault.Problems {
	var p fault.Problems
	if t.Connect <= 0 || t.Header <= 0 || t.Idle <= 0 || t.Wait <= 0 {
		p.Add("header", "write durations above zero for wait, connect, header and idle", "every wait needs an end")
	}
	if t.Connect >= t.Header {
		p.Add("connect", "make connect shorter than header", "%s to connect are not less than %s for the answer", t.Connect, t.Header)
	}
	if t.Total != 0 && t.Total < t.Header {
		p.Add("total", "make total at least as long as header, or 0", "%s for all are less than %s for the beginning", t.Total, t.Header)
	}
	return p
}

// ParseServer reads an address of edge.upstreams: "http://host:port", "https://host", or "unix:/path". id is the address
// in one spelling.
func ParseServer(address string) (Server, error) {
	bad := func(why string) (Server, error) {
		return Server{}, fault.New(fault.Config, "upstream_address", "%q is not the address of a server: %s", address, why).
			WithHint(`write "http://127.0.0.1:5000", "https://app.internal" or "unix:/run/app.sock"`)
	}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return bad("the path of a socket begins with a slash")
		}
		return Server{ID: address, Network: "unix", Address: path, Scheme: "http"}, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return bad("scheme and host are missing")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil || u.Fragment != "":
		return bad("it has more than scheme, host and port")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return Server{
		ID: u.Scheme + "://" + u.Host, Network: "tcp", Address: joinHostPort(u.Hostname(), port), Scheme: u.Scheme, Name: u.Hostname(),
	}, nil
}
