package pgbouncer

import (
	"cmp"
	"net"
	"path/filepath"
	"slices"
	"strings"
)

// anyDatabase is the name of the entry for databases that have none.
const anyDatabase = "*"

// server is where a database is.
type server struct {
	hosts []string // names, addresses, or directories of sockets
	port  string
}

func (s server) equal(other server) bool {
	return s.port == other.port && slices.Equal(s.hosts, other.hosts)
}

// addresses returns the hosts as a route names them.
func (s server) addresses() []string {
	out := make([]string, len(s.hosts))
	for i, h := range s.hosts {
		out[i] = address(h, s.port)
	}
	return out
}

// address joins host and port; a directory becomes the path of the socket in it.
func address(host, port string) string {
	if strings.HasPrefix(host, "/") {
		return filepath.Join(host, ".s.PGSQL."+port)
	}
	return net.JoinHostPort(host, port)
}

// serverOf returns where a database is. Without a host it is the socket in PgBouncer's own directory of sockets.
func (im *importer) serverOf(c connection) server {
	s := server{list(c.get("host")), cmp.Or(c.get("port"), "5432")}
	if len(s.hosts) == 0 {
		s.hosts = []string{cmp.Or(im.value("unix_socket_dir", "/tmp"), "/tmp")}
	}
	return s
}

// server writes the server that most databases are on, and returns it. The entry for all others decides when there is
// one.
func (im *importer) server(database *table) server {
	var main server
	most := 0
	for _, c := range im.databases {
		s := im.serverOf(c)
		n := 0
		for _, other := range im.databases {
			if s.equal(im.serverOf(other)) {
				n++
			}
		}
		if c.name == anyDatabase {
			n = len(im.databases) + 1
		}
		if n > most {
			main, most = s, n
		}
	}
	if most == 0 {
		return main
	}
	database.set(keyHost, main.hosts[0], "")
	if port, err := asNumber(main.port); err == nil {
		database.set(keyPort, port, "")
	}
	if len(main.hosts) > 1 {
		database.set(keyReplicas, server{main.hosts[1:], main.port}.addresses(), "")
	}
	im.name(database, main)
	return main
}

// name writes the database in which Holdfast keeps its own rows, and the role that it logs in with.
func (im *importer) name(database *table, main server) {
	for _, c := range im.databases {
		if c.name != anyDatabase && im.serverOf(c).equal(main) {
			database.set(keyName, cmp.Or(c.get("dbname"), c.name), "")
			break
		}
	}
	user := im.value("auth_user", "")
	if user == "" {
		im.remark(tableDatabase+"."+keyUsername, place{}, false,
			"PgBouncer has no role of its own without auth_user; Holdfast asks the servers which of them is the primary: write username and password_file")
		return
	}
	database.set(keyUsername, user, "auth_user")
}

// endpoints writes an endpoint for each address that PgBouncer listens on.
func (im *importer) endpoints() {
	port := im.value("listen_port", "6432")
	for _, host := range list(im.value("listen_addr", "")) {
		im.endpoint(host, port)
	}
	dir := im.value("unix_socket_dir", "/tmp")
	switch {
	case strings.HasPrefix(dir, "@"):
		im.remark("unix_socket_dir", im.global["unix_socket_dir"].place, false, "sockets without a file are not offered: name a directory")
	case dir != "":
		note := "unix_socket_dir"
		if _, ok := im.global[note]; !ok {
			note = "PgBouncer's default"
		}
		im.doc.element(inEndpoints.path("")...).set(keyListen, address(im.resolve(dir), port), note)
	}
}

func (im *importer) endpoint(host, port string) {
	at := im.global["listen_addr"].place
	if host == "*" {
		host = "0.0.0.0"
		im.remark("listen_addr", at, true, "* becomes 0.0.0.0: add an endpoint for [::] if clients come by IPv6")
	}
	ip := net.ParseIP(host)
	if host == "localhost" {
		host, ip = "127.0.0.1", net.IPv4(127, 0, 0, 1)
	}
	im.doc.element(inEndpoints.path("")...).set(keyListen, net.JoinHostPort(host, port), "")
	tls, err := asClientTLS(im.value("client_tls_sslmode", "disable"))
	if (ip == nil || !ip.IsLoopback()) && (err != nil || tls != "require") {
		im.remark("listen_addr", at, true, "%s is not an address of this machine alone: there Holdfast wants TLS (tls_cert, tls_key, tls = \"require\")", host)
	}
}

// routes writes a route for each database that is elsewhere, or under another name, or that has settings of its own.
func (im *importer) routes(main server) {
	for _, c := range im.databases {
		t := im.doc.table(inRoute.path(c.name)...)
		if s := im.serverOf(c); !s.equal(main) {
			t.set(keyHosts, s.addresses(), "")
		}
		if name := c.get("dbname"); name != "" && name != c.name {
			t.set(keyRouteDatabase, name, "")
		}
		if hosts := im.serverOf(c).hosts; len(hosts) > 1 {
			im.remark("databases."+c.name+": host", c.place, true,
				"PgBouncer goes round its hosts as if they were equal; Holdfast finds the primary among them, and takes the others for its replicas")
		}
		for _, p := range c.pairs {
			label := "databases." + c.name + ": " + p.key
			s, ok := find(databaseSettings(), p.key)
			if !ok {
				im.remark(label, c.place, false, "PgBouncer 1.25 has no such setting for a database")
				continue
			}
			im.carry(s, label, c.name, entry{"databases", p.key, p.value, c.place})
		}
	}
}
