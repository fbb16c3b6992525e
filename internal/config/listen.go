package config

import (
	"net/url"
	"slices"
	"strconv"
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
	all := []listener{
		{"edge.listen", c.Edge.Listen},
		{"s3.listen", c.S3.Listen},
		{"admin.listen", c.Admin.Listen},
		{"database.private.listen", c.Database.Private.Listen},
	}
	for i, l := range c.Edge.Listeners {
		all = append(all, listener{"edge.listeners[" + strconv.Itoa(i) + "].listen", l.Listen})
	}
	if c.Cache.Enabled {
		all = append(all, listener{"cache.listen", c.Cache.Listen})
	}
	for i, e := range c.Database.Pooling.Ways() {
		all = append(all, listener{"database.endpoints[" + strconv.Itoa(i) + "].listen", e.Listen})
	}
	return all
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

// loopProblems refuses a store that is our own S3 endpoint: each file would be stored in itself.
func (c *Config) loopProblems() fault.Problems {
	var p fault.Problems
	u, err := url.Parse(c.Storage.S3.EndpointURL)
	if err != nil || !c.Storage.S3.Enabled {
		return p
	}
	own := []string{c.S3.Listen, strings.Replace(c.S3.Listen, "127.0.0.1", "localhost", 1)}
	for _, h := range c.S3.Hosts {
		_, rest, ok := strings.Cut(h, "://")
		if !ok {
			rest = h
		}
		own = append(own, rest)
	}
	if slices.Contains(own, u.Host) {
		p.Add("storage.s3.endpoint_url", "name the service that is to hold the files, or set enabled = false to keep them on disk",
			"%q is Holdfast's own S3 endpoint", c.Storage.S3.EndpointURL)
	}
	return p
}

// isSocket reports whether a listen address is the path of a Unix socket.
func isSocket(addr string) bool {
	return strings.HasPrefix(addr, "/") || strings.HasPrefix(addr, "unix:")
}
