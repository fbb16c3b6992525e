package postgres

import (
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
	// Schema that holds Holdfast's own tables. Default "holdfast".
	Schema string `toml:"schema"`
	// ConnectTimeout bounds one attempt to connect. Default 5s.
	ConnectTimeout unit.Duration `toml:"connect_timeout"`
	// MaxConnections that Holdfast itself opens for its index. Default 8.
	MaxConnections int `toml:"max_connections"`
	// Private are the settings of a private server.
	Private Private `toml:"private"`
	// Options are handed to the application's driver in the source documents; of these Holdfast understands pool.
	Options Options `toml:"options"`
}

// Private is the table [database.private].
type Private struct {
	// Bin is the directory with initdb and postgres. Default: searched on PATH and in the distribution's folders.
	Bin string `toml:"bin"`
	// Listen opens TCP, as "127.0.0.1:5433". Default: none, the server is reached by its Unix socket only.
	Listen string `toml:"listen"`
	// RunAs is the account the server runs under when Holdfast runs as root. Default: postgres, else nobody.
	RunAs string `toml:"run_as"`
	// SharedBuffers is PostgreSQL's shared_buffers. Default 128MiB.
	SharedBuffers unit.Bytes `toml:"shared_buffers"`
}

// Options is the table [database.options].
type Options struct {
	Pool PoolOptions `toml:"pool"`
}

// PoolOptions is the table [database.options.pool], in psycopg_pool's words: how many connections the application is
// to have. Holdfast checks them against the server's max_connections, and sizes a private server by them.
type PoolOptions struct {
	// MinSize is the number of connections that are kept open. Default 4.
	MinSize int `toml:"min_size"`
	// MaxSize is the number of connections that may be open. Default: min_size.
	MaxSize int `toml:"max_size"`
	// Timeout is how long a request waits for a connection before it gets an error. Default 5s.
	Timeout unit.Duration `toml:"timeout"`
}
