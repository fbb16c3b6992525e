package cacheserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func connectionCommands() []command {
	none := [3]int{}
	return []command{
		{"auth", -2, early | noStore, none, auth},
		{"hello", -1, early | noStore, none, hello},
		{"quit", -1, early | noStore | outside | inPubSub, none, quit},
		{"ping", -1, noStore | inPubSub, none, ping},
		{"echo", 2, noStore, none, func(c *client, a [][]byte) { c.w.Bulk(a[1]) }},
		{"select", 2, noStore, none, selectDB},
		{"client", -2, noStore, none, clientCommand},
	}
}

// login compares a password; it answers when it is wrong. Without a password, on the socket, the one of the address is right.
func (c *client) login(user, password []byte) bool {
	isDefault := len(user) == 0 || string(user) == "default" // redis-cli sends "" for a URL without a user
	if isDefault && c.server.opts.Password.Equal(string(password)) {
		c.known = true
		c.in.SetLimits(c.server.limits(true))
		return true
	}
	c.server.counts.denied.Add(1)
	if c.failures++; c.failures >= maxFailures {
		c.closing = true
	}
	c.w.Error("WRONGPASS invalid username-password pair or user is disabled.")
	return false
}

func auth(c *client, a [][]byte) {
	user := []byte("default")
	switch {
	case len(a) > 3:
		c.w.Error(errSyntax)
		return
	case len(a) == 3:
		user = a[1]
	case c.server.opts.Password.IsZero():
		c.w.Error("ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
		return
	}
	if c.login(user, a[len(a)-1]) {
		c.w.Simple("OK")
	}
}

// hello is HELLO [protocol [AUTH user password] [SETNAME name]].
func hello(c *client, a [][]byte) {
	proto, name, named := c.w.Proto, "", false
	if len(a) > 1 {
		n, ok := parseInt(a[1])
		switch {
		case !ok:
			c.w.Error("ERR Protocol version is not an integer or out of range")
			return
		case n != 2 && n != 3:
			c.w.Error("NOPROTO unsupported protocol version")
			return
		}
		proto = int(n)
	}
	for i := 2; i < len(a); {
		switch {
		case is(a[i], "auth") && i+2 < len(a):
			if !c.login(a[i+1], a[i+2]) {
				return
			}
			i += 3
		case is(a[i], "setname") && i+1 < len(a):
			name, named = string(a[i+1]), true
			i += 2
		default:
			c.w.Error("ERR Syntax error in HELLO option '" + string(clip(a[i])) + "'")
			return
		}
	}
	if !c.known {
		c.w.Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
		return
	}
	if named && !c.setName(name) {
		return
	}
	c.w.Proto = proto
	c.note()
	if c.server.relay != nil {
		c.greet = true // the other server answers
		return
	}
	c.w.Map(7)
	for _, pair := range [][2]string{{"server", "redis"}, {"version", redisVersion}, {"proto", ""}, {"id", ""}, {"mode", "standalone"}, {"role", "master"}} {
		c.w.Text(pair[0])
		switch pair[0] {
		case "proto":
			c.w.Int(int64(proto))
		case "id":
			c.w.Int(c.id)
		default:
			c.w.Text(pair[1])
		}
	}
	c.w.Text("modules")
	c.w.Array(0)
}

func quit(c *client, _ [][]byte) {
	c.closing = true
	c.w.Simple("OK")
}

func ping(c *client, a [][]byte) {
	switch {
	case len(a) > 2:
		c.w.Error(wrongArgs("ping"))
	case len(c.topics) > 0 && c.w.Proto != 3:
		c.w.Array(2)
		c.w.Text("pong")
		if len(a) == 2 {
			c.w.Bulk(a[1])
		} else {
			c.w.Text("")
		}
	case len(a) == 2:
		c.w.Bulk(a[1])
	default:
		c.w.Simple("PONG")
	}
}

func selectDB(c *client, a [][]byte) {
	n, ok := parseInt(a[1])
	switch {
	case !ok:
		c.w.Error(errInt)
	case n != int64(int32(n)):
		c.w.Error("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n < 0 || n >= databases:
		c.w.Error("ERR DB index is out of range")
	default:
		c.db = byte(n)
		c.note()
		c.w.Simple("OK")
	}
}

// note brings up to date what others may see of the client.
func (c *client) note() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listed.db, c.listed.proto, c.listed.topics = c.db, c.w.Proto, len(c.topics)
}

// maxClientName is the longest name of a client, in bytes.
const maxClientName = 256

// setName names the client; it reports false, having answered, when the name would spoil the list.
func (c *client) setName(name string) bool {
	if len(name) > maxClientName || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
		c.w.Error("ERR Client names cannot contain spaces, newlines or special characters.")
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
	return true
}

// describe is the client as CLIENT LIST shows it.
func (c *client) describe() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr := c.conn.RemoteAddr().String()
	if c.private {
		addr = c.server.config.Socket + ":0"
	}
	return fmt.Sprintf("id=%d addr=%s name=%s age=%d db=%d sub=%d user=default resp=%d\n",
		c.id, addr, c.name, int(time.Since(c.since).Seconds()), c.listed.db, c.listed.topics, c.listed.proto)
}

func clientCommand(c *client, a [][]byte) {
	sub := lower(a[1])
	if args, ok := map[string]int{"id": 2, "getname": 2, "setname": 3, "setinfo": 4, "info": 2}[sub]; ok && len(a) != args {
		c.w.Error("ERR wrong number of arguments for 'client|" + sub + "' command")
		return
	}
	switch sub {
	case "id":
		c.w.Int(c.id)
	case "getname":
		if c.name == "" {
			c.w.Null()
		} else {
			c.w.Text(c.name)
		}
	case "setname":
		if c.setName(string(a[2])) {
			c.w.Simple("OK")
		}
	case "setinfo":
		c.w.Simple("OK") // the name and version of the library: nobody asks for them here
	case "info":
		c.w.Text(c.describe())
	case "list":
		c.w.Text(c.server.listClients())
	default:
		c.w.Error(unknownSub(a))
	}
}

func (s *Server) listClients() string {
	var lines []string
	s.each(func(c *client) { lines = append(lines, c.describe()) })
	slices.SortFunc(lines, func(a, b string) int { return idOf(a) - idOf(b) })
	return strings.Join(lines, "")
}

func idOf(line string) int {
	id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
	n, _ := strconv.Atoi(id) // we wrote it
	return n
}

func lower(b []byte) string { return strings.ToLower(string(clip(b))) }
