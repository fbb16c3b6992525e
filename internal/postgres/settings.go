package postgres

import (
	"cmp"
	"fmt"
	"net"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ConnectionReserve is the room above the pools: PostgreSQL keeps 3 for superusers; our listener, a migration, a backup, and
// a person with psql need some.
const ConnectionReserve = 12

// accessRules is pg_hba.conf: everybody shows a password, on the socket as well, which every account of the machine may open.
// TCP is only listened to when it is asked for, and then on loopback.
const accessRules = `# Written by Holdfast at every start of the private server. Changes are lost.
local  all          all                scram-sha-256
local  replication  postgres           scram-sha-256
host   all          all  127.0.0.0/8   scram-sha-256
host   all          all  ::1/128       scram-sha-256
`

// settings is the server's configuration file. What ALTER SYSTEM sets (data/postgresql.auto.conf) goes before it.
func (s *PrivateServer) settings() string {
	c := s.config
	var b strings.Builder
	b.WriteString("# Written by Holdfast at every start of the private server. Changes are lost: use ALTER SYSTEM.\n")
	set := func(name, value string) { fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(value, "'", "''")) }
	set("max_connections", strconv.Itoa(cmp.Or(c.Private.MaxConnections, c.Options.Pool.MaxSize+c.MaxConnections+ConnectionReserve)))
	set("shared_buffers", fmt.Sprintf("%dkB", int64(c.Private.SharedBuffers)>>10))
	set("password_encryption", "scram-sha-256")
	set("timezone", "UTC")
	set("log_timezone", "UTC")
	set("lc_messages", "C")
	set("log_line_prefix", logPrefix)
	set("log_min_error_statement", "panic") // statements hold personal data and passwords
	set("cluster_name", ApplicationName)
	return b.String()
}

// arguments is the server's command line. What must hold whatever ALTER SYSTEM says stands here.
func (s *PrivateServer) arguments() []string {
	c := s.config
	addresses := ""
	if host, _, err := net.SplitHostPort(c.Private.Listen); err == nil {
		addresses = host
	}
	args := []string{"-D", s.place.data()}
	for _, setting := range []string{
		"config_file=" + s.place.config(),
		"hba_file=" + s.place.hba(),
		"listen_addresses=" + addresses,
		"port=" + strconv.Itoa(c.Port),
		`unix_socket_directories="` + strings.ReplaceAll(s.place.run(), `"`, `""`) + `"`,
		"unix_socket_permissions=0777", // scram-sha-256 guards the door
		"log_destination=stderr",
		"logging_collector=off",
		"dynamic_shared_memory_type=" + sharedMemory(),
	} {
		args = append(args, "-c", setting)
	}
	return args
}

// sharedMemory says where parallel queries share memory: in /dev/shm, which costs the disk nothing, or, where everything
// but our own directories is read-only, in a file of the data directory.
func sharedMemory() string {
	if unix.Access("/dev/shm", unix.W_OK) != nil {
		return "mmap"
	}
	return "posix"
}
