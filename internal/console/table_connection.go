package console

import (
	"cmp"
	"time"
)

// socket is a connection as a row of SHOW CLIENTS, SERVERS and SOCKETS.
type socket struct {
	Connection
	kind string // "C" or "S"
}

func sockets(kind string, of []Connection) []socket {
	out := make([]socket, len(of))
	for i, c := range of {
		out[i] = socket{c, kind}
	}
	return out
}

// socketColumns stand in all three tables.
func socketColumns() table[socket] {
	t := table[socket]{
		text("type", func(s socket) string { return s.kind }),
		text("user", func(s socket) string { return s.User }),
		text("database", func(s socket) string { return s.Database }),
		text("replication", func(s socket) string { return cmp.Or(s.Replication, "none") }),
		text("state", func(s socket) string { return s.State }),
		text("addr", func(s socket) string { return s.Addr }),
		count("port", func(s socket) int { return s.Port }),
		text("local_addr", func(s socket) string { return s.LocalAddr }),
		count("local_port", func(s socket) int { return s.LocalPort }),
		moment("connect_time", func(s socket) time.Time { return s.ConnectTime }),
		moment("request_time", func(s socket) time.Time { return s.RequestTime }),
	}
	t = append(t, wait("wait", func(s socket) time.Duration { return s.Wait })...)
	return append(t,
		flag("close_needed", func(s socket) bool { return s.CloseNeeded }),
		text("ptr", func(s socket) string { return pointer(s.ID) }),
		text("link", func(s socket) string { return pointer(s.Link) }),
		count("remote_pid", func(s socket) int { return s.RemotePID }),
		text("tls", func(s socket) string { return s.TLS }),
		text("application_name", func(s socket) string { return s.ApplicationName }),
		count("prepared_statements", func(s socket) int { return s.Prepared }),
		count("id", func(s socket) int { return int(s.ID) }),
	)
}

// ownSocketColumns stand behind those of PgBouncer.
func ownSocketColumns() table[socket] {
	return table[socket]{
		text("person", func(s socket) string { return s.Person }),
		text("class", func(s socket) string { return s.Class }),
		text("endpoint", func(s socket) string { return s.Endpoint }),
		text("pinned", func(s socket) string { return s.Pinned }),
	}
}

func connectionTable() table[socket] { return append(socketColumns(), ownSocketColumns()...) }

// socketTable adds what PgBouncer says of its buffers. Of ours only pkt_avail means something: the others are of a
// buffer that our connections do not have.
func socketTable() table[socket] {
	none := func(socket) int { return 0 }
	buffer := table[socket]{
		count("recv_pos", none), count("pkt_pos", none), count("pkt_remain", none), count("send_pos", none), count("send_remain", none),
		count("pkt_avail", func(s socket) int { return s.Buffered }),
		count("send_avail", none),
	}
	return append(append(socketColumns(), buffer...), ownSocketColumns()...)
}

// allSockets returns clients and servers with the states that SHOW SOCKETS gives them.
func allSockets(src Connections) []socket {
	clients, servers := sockets("C", src.Clients()), sockets("S", src.Servers())
	for i := range clients {
		if clients[i].State == "idle" {
			clients[i].State = "active"
		}
		clients[i].State = "cl_" + clients[i].State
	}
	for i := range servers {
		if servers[i].State == "new" {
			servers[i].State = "login"
		}
		servers[i].State = "sv_" + servers[i].State
	}
	return append(clients, servers...)
}

// activeSockets returns those that hold bytes on their way.
func activeSockets(src Connections) []socket {
	var out []socket
	for _, s := range allSockets(src) {
		if s.Buffered > 0 {
			out = append(out, s)
		}
	}
	return out
}

func pinTable() table[Pin] {
	return table[Pin]{
		count("client", func(p Pin) int { return int(p.Client) }),
		count("server", func(p Pin) int { return int(p.Server) }),
		text("database", func(p Pin) string { return p.Database }),
		text("user", func(p Pin) string { return p.User }),
		text("person", func(p Pin) string { return p.Person }),
		text("reason", func(p Pin) string { return p.Reason }),
		moment("since", func(p Pin) time.Time { return p.Since }),
		text("application_name", func(p Pin) string { return p.ApplicationName }),
	}
}

func preparedTable() table[Prepared] {
	return table[Prepared]{
		text("database", func(p Prepared) string { return p.Database }),
		text("user", func(p Prepared) string { return p.User }),
		text("name", func(p Prepared) string { return p.Name }),
		optional("query", func(p Prepared) string { return p.Query }),
		count("clients", func(p Prepared) int { return p.Clients }),
		count("servers", func(p Prepared) int { return p.Servers }),
		large("binds", func(p Prepared) int64 { return p.Binds }),
	}
}

// withoutQueries hides what only administrators may see: a statement can hold anything.
func withoutQueries(all []Prepared) []Prepared {
	out := make([]Prepared, len(all))
	for i, p := range all {
		p.Query = ""
		out[i] = p
	}
	return out
}
