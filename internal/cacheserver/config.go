package cacheserver

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
	"holdfast/internal/web"
)

// Config is the table [cache]: the endpoint that frameworks speak Redis to.
type Config struct {
	// Enabled opens the endpoint. Default false.
	Enabled bool `toml:"enabled"`
	// Listen is the address of the endpoint, "" for none. Another one than of this machine needs tls_cert and tls_key. Default
	// "127.0.0.1:6380".
	Listen string `toml:"listen"`
	// Socket is a Unix socket that only the user who runs Holdfast may open; it asks for no password. Default: "cache.sock" below
	// the state directory.
	Socket string `toml:"socket"`
	// Password that clients on listen must give; also password_file. Default: one is generated and kept in the state directory;
	// holdfast env prints the URL with it.
	Password secret.String `toml:"password"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not of this machine.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// MaxMemory is what all keys and values may take; those used longest ago make room. Default 256MB.
	MaxMemory unit.Bytes `toml:"max_memory"`
	// MaxValue is the largest value. Default 16MB.
	MaxValue unit.Bytes `toml:"max_value"`
	// MaxClients is how many connections there may be. Default 1000.
	MaxClients int `toml:"max_clients"`
	// IdleTimeout closes a connection that asks for nothing, unless it is subscribed. Default 0: it may stay.
	IdleTimeout unit.Duration `toml:"idle_timeout"`
	// Redis is a Redis or Valkey server that holds the keys in place of this process, as "redis://10.0.0.5:6379",
	// "rediss://…" for TLS, or "unix:///run/redis/redis.sock". Clients log in here; Holdfast logs in there.
	Redis string `toml:"redis"`
	// RedisUsername is the user there. Default: the server's default user.
	RedisUsername string `toml:"redis_username"`
	// RedisPassword is the password there; also redis_password_file.
	RedisPassword secret.String `toml:"redis_password"`
	// RedisCAFile is a PEM file with the authorities that may sign the server's certificate. Default: those of the system.
	RedisCAFile string `toml:"redis_ca_file"`
}

// DefaultConfig returns an endpoint that is off.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:6380", MaxMemory: 256e6, MaxValue: 16e6, MaxClients: 1000}
}

// minPassword is the length in characters below which a password on a TCP address is refused.
const minPassword = 16

// Validate reports every mistake in the table [cache]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if c.Listen != "" {
		p = append(p, web.CheckListener(c.Listen, c.TLSCert, c.TLSKey, DefaultConfig().Listen)...)
		host, _, err := net.SplitHostPort(c.Listen)
		if strings.HasPrefix(c.Listen, "unix:") || strings.HasPrefix(c.Listen, "/") {
			p.Add("listen", "write socket = \"/path\" for a Unix socket, and listen = \"\" for no address", "%q is not an address", c.Listen)
		} else if len(p) == 0 && err == nil && c.TLSCert == "" && !isLoopback(host) {
			p.Add("listen", "set tls_cert and tls_key, or listen on 127.0.0.1",
				"%q can be reached by others, and without TLS they can read passwords and pages", c.Listen)
		}
	}
	if n := len(c.Password.Reveal()); n > 0 && n < minPassword {
		p.Add("password", "leave it out: one is generated", "%d characters can be guessed", n)
	}
	c.checkSizes(&p)
	c.checkRedis(&p)
	return p
}

func (c Config) checkSizes(p *fault.Problems) {
	if c.MaxMemory < 1e6 {
		p.Add("max_memory", "give it at least 1MB", "%s is too little for a cache", c.MaxMemory)
	}
	if c.MaxValue < 1e3 || c.MaxValue > c.MaxMemory/2 || c.MaxValue > 512e6 {
		p.Add("max_value", "choose between 1KB and half of max_memory, at most 512MB", "%s is out of range", c.MaxValue)
	}
	if c.MaxClients < 1 || c.MaxClients > 100_000 {
		p.Add("max_clients", "choose between 1 and 100000", "%d is out of range", c.MaxClients)
	}
	if c.IdleTimeout < 0 {
		p.Add("idle_timeout", "write 0 for no limit", "%s is negative", c.IdleTimeout)
	}
}

func (c Config) checkRedis(p *fault.Problems) {
	if c.Redis == "" {
		return
	}
	u, err := url.Parse(c.Redis)
	const hint = "write it as redis://10.0.0.5:6379"
	switch {
	case err != nil:
		p.Add("redis", hint, "this is not a URL") // its text may hold a password
	case u.User != nil:
		p.Add("redis", "write redis_username and redis_password_file, and the URL without them", "the URL holds a user")
	case u.Scheme == "unix" && strings.HasPrefix(u.Path, "/"):
	case u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "":
		p.Add("redis", hint, "%q is not the URL of a Redis server", c.Redis)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		p.Add("redis", "the number of the database belongs into the URL of the application", "%q names more than a server", c.Redis)
	case u.Scheme == "redis" && !web.IsPrivate(u.Hostname()) && net.ParseIP(u.Hostname()) != nil:
		p.Add("redis", "use rediss://", "%q can only be reached through networks of others, where everybody can read along", c.Redis)
	}
}

// isLoopback reports whether a listening host is of this machine alone.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
