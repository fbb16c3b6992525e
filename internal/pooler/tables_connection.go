package pooler

import (
	"cmp"
	"crypto/tls"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/console"
	"holdfast/internal/epoll"
	"holdfast/internal/pool"
	"holdfast/internal/relay"
)

// Clients implements console.Connections: those of databases, and those of the console.
func (s source) Clients() []console.Connection {
	parts, _ := fold(s.sessions(), func(rows *[]console.Connection, one *session) {
		if !one.closed {
			*rows = append(*rows, one.row())
		}
	})
	rows := slices.Concat(parts...)
	for _, v := range s.consoles.all() {
		rows = append(rows, v.row())
	}
	return byID(rows)
}

// Servers implements console.Connections.
func (s source) Servers() []console.Connection {
	parts, _ := fold(s.servers(), func(rows *[]console.Connection, l leased) {
		l.look(func(one *server) { *rows = append(*rows, one.row(l)) })
	})
	return byID(slices.Concat(parts...))
}

func byID(rows []console.Connection) []console.Connection {
	slices.SortFunc(rows, func(a, b console.Connection) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// row is the session as the console shows it. It runs on the session's worker.
func (s *session) row() console.Connection {
	c := s.who.row()
	c.State, c.ConnectTime, c.RequestTime = stateNames[s.state], s.began, s.asked
	c.Endpoint, c.Replication = s.front.name, replicationOf(s.group.key.replication)
	c.Buffered, c.Prepared = len(s.in)+len(s.out), s.relay.Statements()
	if name, ok := s.relay.Params().Get("application_name"); ok {
		c.ApplicationName = name
	}
	if s.state == waiting || s.state == settling {
		c.Wait = s.worker.loop.Now().Sub(s.asked)
	}
	if s.server != nil {
		c.Link = idOf(s.server.id)
	}
	if !s.pinned.IsZero() {
		c.Pinned = s.reason()
	}
	s.ends(&c)
	if !s.who.peer.IsValid() {
		c.RemotePID = processOf(s.stream.FD())
	}
	return c
}

// reason says why the client keeps its server.
func (s *session) reason() string { return strings.Join(s.relay.Pins().PinNames(), ", ") }

// isShared reports whether clients share servers where the session came in.
func (s *session) isShared() bool {
	return s.front.mode == relay.Transaction && s.group.key.replication == ""
}

// row is what is known of a client since its log-in.
func (who *identity) row() console.Connection {
	c := console.Connection{
		User: who.user, Database: who.database, Addr: who.address, Port: int(who.peer.Port()), ID: idOf(who.id),
		ApplicationName: who.app, Person: who.person, Class: who.class,
	}
	return c
}

// row is the visitor as the console shows it.
func (v *visitor) row() console.Connection {
	c := v.who.row()
	c.State, c.ConnectTime, c.RequestTime, c.Endpoint = "active", v.began, v.began, v.front.name
	c.LocalAddr, c.LocalPort = addressAndPort(v.raw.LocalAddr().String())
	if v.tls != nil {
		c.TLS = cipherOf(v.tls)
	}
	return c
}

// row is the server as the console shows it. It runs on the server's worker.
func (s *server) row(l leased) console.Connection {
	key := l.group.key
	c := console.Connection{
		User: key.user, Database: key.database, Replication: replicationOf(key.replication), State: s.stateName(l),
		ConnectTime: l.Opened, RequestTime: l.Since, CloseNeeded: l.Outdated, ID: idOf(s.id), RemotePID: int(s.backend.PID()),
		Prepared: s.relay.Statements(), Buffered: len(s.in) + len(s.out), Person: l.Owner, Class: key.class, Endpoint: s.host,
	}
	if name, ok := s.relay.Params().Get("application_name"); ok {
		c.ApplicationName = name
	}
	if one := s.session; one != nil {
		c.Link, c.Person = idOf(one.who.id), one.who.person
		if !one.pinned.IsZero() {
			c.Pinned = one.reason()
		}
	}
	c.Addr, c.Port = addressAndPort(s.host)
	s.ends(&c)
	return c
}

func (s *server) stateName(l leased) string {
	switch {
	case s.freed != nil:
		return "being_canceled"
	case l.State == pool.Active:
		return "active"
	case l.State == pool.Checking || l.State == pool.Resetting:
		return "tested"
	case l.State == pool.Opening:
		return "new"
	case time.Since(l.Since) > pool.Defaults("").CheckAfter:
		return "used"
	}
	return "idle"
}

// ends fills in where our end of the connection is, and how it is encrypted.
func (p *pipe) ends(c *console.Connection) {
	if a, ok := p.stream.(interface{ LocalAddr() string }); ok {
		c.LocalAddr, c.LocalPort = addressAndPort(a.LocalAddr())
	}
	if s, ok := p.stream.(*epoll.Secure); ok {
		c.TLS = cipherOf(s.Session())
	}
}

func cipherOf(c *tls.Conn) string {
	state := c.ConnectionState()
	return strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1) + "/" + tls.CipherSuiteName(state.CipherSuite)
}

// addressAndPort takes an address apart. A socket's path is "unix", as PgBouncer says.
func addressAndPort(text string) (address string, port int) {
	host, digits, err := net.SplitHostPort(text)
	if err != nil {
		return "unix", 0
	}
	port, _ = strconv.Atoi(digits) // a port that is no number is not shown
	return host, port
}

// replicationOf is a start-up parameter in the words of the console.
func replicationOf(parameter string) string {
	switch strings.ToLower(parameter) {
	case "":
		return "none"
	case "database":
		return "logical"
	}
	return "physical"
}

// processOf returns the process at the other end of a Unix socket, 0 if that is not known.
func processOf(fd int) int {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return 0
	}
	return int(cred.Pid)
}
