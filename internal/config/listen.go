package config

import (
	"strings"

	"holdfast/internal/fault"
)

// listener is a door that Holdfast opens. Whether its address is one, and whether it may be reached by strangers
// without TLS, is judged by the package that opens it.
type listener struct {
	key  string // of the address
	addr string
}

// listeners lists the doors that a configuration opens.
func (c *Config) listeners() []listener {
	return []listener{
		{"edge.listen", c.Edge.Listen},
		{"s3.listen", c.S3.Listen},
		{"admin.listen", c.Admin.Listen},
		{"database.private.listen", c.Database.Private.Listen},
	}
}

// listenProblems refuses two doors at one address.
func (c *Config) listenProblems() fault.Problems {
	var p fault.Problems
	taken := map[string]string{}
	for _, l := range c.listeners() {
		if other, ok := taken[l.addr]; ok && l.addr != "" && !strings.HasSuffix(l.addr, ":0") {
			p.Add(l.key, "give each its own port", "%q is taken by %s", l.addr, other)
		}
		taken[l.addr] = l.key
	}
	return p
}

// isSocket reports whether a listen address is the path of a Unix socket.
func isSocket(addr string) bool {
	return strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "unix:")
}
