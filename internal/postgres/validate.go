package postgres

import (
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const (
	minPort, maxPort      = 1, 65535
	maxIdentifier         = 63 // bytes, NAMEDATALEN - 1 of PostgreSQL
	minOwnConnections     = 2  // one that works and one that does not wait for it
	maxOwnConnections     = 1000
	minSharedBuffers      = 1 << 20
	longestConnectTimeout = 5 * time.Minute
)

var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Validate returns every mistake in the table, keys relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	switch c.complete().Mode {
	case Attached:
		c.checkAttached(&p)
	case PrivateCluster:
		c.checkPrivate(&p)
	default:
		p.Add("mode", `write "attached" for a server of your own, "private" for one that Holdfast runs`, "%q is no mode", c.Mode)
	}
	c.checkCommon(&p)
	c.checkPool(&p)
	return p
}

func (c Config) checkAttached(p *fault.Problems) {
	host := c.Host
	switch {
	case host == "":
		p.Add("host", `name the server, as "db.example.com", or the directory of its socket, as "/var/run/postgresql"`,
			"is missing, and mode is attached")
	case strings.Contains(host, "://") || strings.Contains(host, "@"):
		p.Add("host", "write the host alone here; username, password, port and name are keys of their own",
			"is a URL and not a host name")
	case strings.ContainsAny(host, ", \t"):
		p.Add("host", "name one host: the primary, or the proxy in front of the cluster", "%q is more than one host", host)
	}
	if c.Username == "" {
		p.Add("username", "name the role that Holdfast and the application log in with", "is missing")
	}
	if c.Private.Bin != "" || c.Private.Listen != "" || c.Private.RunAs != "" {
		p.Add("private", `remove [database.private], or remove host and set mode = "private"`,
			"is about a server that Holdfast runs, but the server is attached")
	}
	c.checkTLS(p)
}

func (c Config) checkPrivate(p *fault.Problems) {
	if c.Host != "" {
		p.Add("host", `remove host, or set mode = "attached"`, "%q is someone else's server, but mode is private", c.Host)
	}
	if c.SSLMode != "" && c.SSLMode != "disable" && c.SSLMode != "prefer" && c.SSLMode != "allow" {
		p.Add("sslmode", "remove it: a private server is reached by its Unix socket or on loopback", "%q cannot be had from a private server", c.SSLMode)
	}
	if c.SSLCert != "" || c.SSLKey != "" || c.SSLNegotiation == direct || c.ChannelBinding == require {
		p.Add("mode", "remove sslcert, sslkey, sslnegotiation and channel_binding", "a private server has no TLS")
	}
	if c.Username == superuser {
		p.Add("username", `choose another name, as "app"`, "%q is the private server's superuser", c.Username)
	}
	if slices.Contains([]string{"postgres", "template0", "template1"}, c.Name) {
		p.Add("name", `choose another name, as "app"`, "%q belongs to PostgreSQL itself", c.Name)
	}
	if c.Private.SharedBuffers < minSharedBuffers {
		p.Add("private.shared_buffers", `a quarter of the machine's memory is usual, as "1GiB"`, "%s is below 1MiB", c.Private.SharedBuffers)
	}
	checkListen(p, c.Private.Listen)
}

// checkListen allows loopback only: a private server speaks no TLS.
func checkListen(p *fault.Problems, listen string) {
	if listen == "" {
		return
	}
	host, port, err := net.SplitHostPort(listen)
	n, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || n < minPort || n > maxPort {
		p.Add("private.listen", `write an address and a port, as "127.0.0.1:5433"`, "%q is no address to listen on", listen)
		return
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		p.Add("private.listen", `write "127.0.0.1:`+port+`"; for other machines run a server of your own and attach it`,
			"%q can be reached from outside, and a private server has no TLS", listen)
	}
}

func (c Config) checkCommon(p *fault.Problems) {
	if c.Port < minPort || c.Port > maxPort {
		p.Add("port", "PostgreSQL's usual port is 5432", "%d is not between %d and %d", c.Port, minPort, maxPort)
	}
	checkName(p, "name", c.Name)
	checkName(p, "username", c.Username)
	if !plainName.MatchString(c.Schema) || len(c.Schema) > maxIdentifier {
		p.Add("schema", `use lower-case letters, digits and _, as "holdfast"`, "%q is not a plain name", c.Schema)
	} else if strings.HasPrefix(c.Schema, "pg_") || c.Schema == "information_schema" || c.Schema == "public" {
		p.Add("schema", `choose a schema that nobody else uses, as "holdfast"`, "%q belongs to PostgreSQL or to everybody", c.Schema)
	}
	if secret.IsPlaceholder(c.Password.Reveal()) {
		p.Add("password", "write the role's real password, best in a file of its own that password_file names", "is a placeholder")
	}
	if c.ConnectTimeout <= 0 || c.ConnectTimeout.D() > longestConnectTimeout {
		p.Add("connect_timeout", `5s is usual; waiting for ever is not offered`, "%s is not between 0 and %s", c.ConnectTimeout, longestConnectTimeout)
	}
	if c.MaxConnections < minOwnConnections || c.MaxConnections > maxOwnConnections {
		p.Add("max_connections", "8 is enough for thousands of requests per second", "%d is not between %d and %d",
			c.MaxConnections, minOwnConnections, maxOwnConnections)
	}
}

func checkName(p *fault.Problems, key, name string) {
	if len(name) > maxIdentifier || strings.ContainsRune(name, 0) {
		p.Add(key, "PostgreSQL allows 63 bytes", "is too long for a name, or holds a NUL")
	}
}

func (c Config) checkPool(p *fault.Problems) {
	pool := c.Options.Pool
	if pool.MinSize < 0 {
		p.Add("options.pool.min_size", "4 is usual", "%d is negative", pool.MinSize)
	}
	if pool.MaxSize < 0 || pool.MaxSize != 0 && pool.MaxSize < pool.MinSize {
		p.Add("options.pool.max_size", "raise max_size, or lower min_size", "%d is less than min_size (%d)", pool.MaxSize, pool.MinSize)
	}
	if n := c.Private.MaxConnections; n < 0 || n > 262143 {
		p.Add("private.max_connections", "leave it out: then it is as many as the pools may open", "%d is not a number of connections", n)
	}
	if pool.Timeout <= 0 {
		p.Add("options.pool.timeout", "5s is usual; waiting for ever is not offered", "%s is not a wait with an end", pool.Timeout)
	}
}
