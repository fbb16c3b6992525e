package postgres

import (
	"cmp"
	"strings"
	"time"

	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the table [database].
type Config struct {
	// Mode says whose server it is: "attached" (someone else's; the default as soon as host is set) or "private"
	// (Holdfast creates, starts and stops it; the default without a host).
	Mode string `toml:"mode"`
	// Host is a host name, an address, or a directory that holds the server's Unix socket.
	Host string `toml:"host"`
	// Port of the server, 1 to 65535. Default 5432.
	Port int `toml:"port"`
	// Name of the application's database. Default "app" on a private server.
	Name string `toml:"name"`
	// Username of the role that Holdfast and the application log in with.
	Username string `toml:"username"`
	// Password of that role; also password_file.
	Password secret.String `toml:"password"`
	// SSLMode is one of libpq's six modes (PostgreSQL manual, chapter "SSL Support"). Default "prefer" for a host
	// name, "disable" for a socket.
	SSLMode string `toml:"sslmode"`
	// SSLRootCert is a PEM file with the authorities that may sign the server's certificate.
	SSLRootCert string `toml:"sslrootcert"`
	// SSLCert is a PEM file with a certificate that is shown to a server which asks for one; with sslkey. Default none.
	SSLCert string `toml:"sslcert"`
	// SSLKey is the PEM file with the key of sslcert. Nobody else may read it: mode 0600, or 0640 if it is root's.
	SSLKey string `toml:"sslkey"`
	// SSLNegotiation is "postgres" (TLS is asked for first; the default) or "direct" (TLS at once, which saves a round trip: PostgreSQL 17
	// and sslmode "require" or stricter).
	SSLNegotiation string `toml:"sslnegotiation"`
	// ChannelBinding is "prefer" (the default), "disable", or "require": no password is proven but to the server at the other end of the
	// TLS connection itself (SCRAM-SHA-256-PLUS).
	ChannelBinding string `toml:"channel_binding"`
	// Schema that holds Holdfast's own tables. Default "holdfast".
	Schema string `toml:"schema"`
	// ConnectTimeout bounds one attempt to connect. Default 5s.
	ConnectTimeout unit.Duration `toml:"connect_timeout"`
	// MaxConnections that Holdfast itself opens for its index. Default 8.
	MaxConnections int `toml:"max_connections"`
	// Private are the settings of a private server.
	Private Private `toml:"private"`
	// Options of the application's driver. Of these Holdfast understands pool.
	Options Options `toml:"options"`
}

// Private is the table [database.private].
type Private struct {
	// Bin is the directory with initdb and postgres. Default: searched on PATH and in the distribution's folders.
	Bin string `toml:"bin"`
	// Listen opens TCP, as "127.0.0.1:5433". Default: none, the server is reached by its Unix socket only.
	Listen string `toml:"listen"`
	// RunAs is the account the server runs under when Holdfast runs as root. Default: postgres, else nobody. The
	// directories above the state directory must let it pass (mode 0711 is enough).
	RunAs string `toml:"run_as"`
	// SharedBuffers is PostgreSQL's shared_buffers. Default 128MiB.
	SharedBuffers unit.Bytes `toml:"shared_buffers"`
	// MaxConnections is PostgreSQL's max_connections. Default: as many as the pools may open, and 12 for people, backups and
	// PostgreSQL itself.
	MaxConnections int `toml:"max_connections"`
}

// Options is the table [database.options].
type Options struct {
	// Pool says how many connections the application is to have, in the words of psycopg_pool.
	Pool PoolOptions `toml:"pool"`
}

// PoolOptions is the table [database.options.pool], in psycopg_pool's words: how many connections the application is
// to have. Holdfast checks them against the server's max_connections, and sizes a private server by them.
type PoolOptions struct {
	// MinSize is the number of connections that are kept open for the application's own role. Default 4; 0 keeps none.
	MinSize int `toml:"min_size"`
	// MaxSize is the number of connections that may be open. Default 20, or min_size if that is more.
	MaxSize int `toml:"max_size"`
	// Timeout is how long a request waits for a connection before it gets an error. Default 5s.
	Timeout unit.Duration `toml:"timeout"`
	// MaxWaiting is how many requests may wait for a connection of one pool; one more is refused at once. Default 0: no limit.
	MaxWaiting int `toml:"max_waiting"`
	// MaxLifetime is the age at which a connection is replaced, when nobody uses it; up to a tenth is taken off at random, so that
	// connections do not end together. Default 1h; 0 sets no limit.
	MaxLifetime unit.Duration `toml:"max_lifetime"`
	// MaxIdle is how long a connection beyond min_size stays open unused. Default 10m; 0 sets no limit.
	MaxIdle unit.Duration `toml:"max_idle"`
	// ReconnectTimeout is how long requests wait for a server that went away before they are told. Default: hold of [database].
	ReconnectTimeout unit.Duration `toml:"reconnect_timeout"`
}

// The modes, values of Config.Mode.
const (
	Attached       = "attached"
	PrivateCluster = "private"
)

// DefaultConfig returns the settings of an empty table. Settings whose default depends on others are empty in it.
func DefaultConfig() Config {
	return Config{
		Port:           5432,
		Schema:         "holdfast",
		ConnectTimeout: unit.Duration(5 * time.Second),
		MaxConnections: 8,
		Private:        Private{SharedBuffers: 128 << 20},
		Options: Options{Pool: PoolOptions{
			MinSize: 4, Timeout: unit.Duration(5 * time.Second),
			MaxLifetime: unit.Duration(time.Hour), MaxIdle: unit.Duration(10 * time.Minute),
		}},
	}
}

// complete fills in what follows from other settings, and the defaults of settings that are empty.
func (c Config) complete() Config {
	d := DefaultConfig()
	if c.Mode == "" {
		c.Mode = PrivateCluster
		if c.Host != "" {
			c.Mode = Attached
		}
	}
	if c.Mode == PrivateCluster {
		c.Name, c.Username = cmp.Or(c.Name, "app"), cmp.Or(c.Username, "app")
	}
	c.Name = cmp.Or(c.Name, c.Username) // libpq's rule
	if c.SSLMode == "" {
		c.SSLMode = "prefer"
	}
	if isSocket(c.Host) {
		c.SSLMode = "disable" // libpq's rule: never TLS on a Unix socket
	}
	c.Port = cmp.Or(c.Port, d.Port)
	c.Schema = cmp.Or(c.Schema, d.Schema)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, d.ConnectTimeout)
	c.MaxConnections = cmp.Or(c.MaxConnections, d.MaxConnections)
	c.Private.SharedBuffers = cmp.Or(c.Private.SharedBuffers, d.Private.SharedBuffers)
	c.Options.Pool = c.Options.Pool.Complete()
	return c
}

// Complete fills in the largest size and the timeout if they are not set.
func (p PoolOptions) Complete() PoolOptions {
	d := DefaultConfig().Options.Pool
	if p.MaxSize == 0 {
		p.MaxSize = max(usualSize, p.MinSize)
	}
	p.Timeout = cmp.Or(p.Timeout, d.Timeout)
	return p
}

// usualSize is how many connections a pool may have when nobody says: enough for a person who tries it and for a small site.
const usualSize = 20

// isSocket reports whether a host is the directory of a Unix socket.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") }
