package pgtest

import (
	"fmt"
	"net"
	"strings"
)

// Option changes a server of [Cluster].
type Option func(*options)

type options struct {
	settings []string // "name=value", later ones win
	hba      []string
	tcp, tls bool
	fresh    bool // run initdb instead of copying the image
}

func defaults() *options {
	return &options{settings: []string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off",
		"shared_buffers=32MB", "max_connections=100", "password_encryption=scram-sha-256",
		"dynamic_shared_memory_type=mmap", // in the data directory, so that a kill leaves nothing in /dev/shm
		"log_checkpoints=off", "logging_collector=off", "log_destination=stderr", "log_line_prefix=%m [%p] %q%u@%d ",
	}}
}

// Setting sets a parameter of postgresql.conf.
func Setting(name, value string) Option {
	return func(o *options) { o.settings = append(o.settings, name+"="+value) }
}

// Durable leaves fsync, full_page_writes and synchronous_commit on, for tests that kill the server and count what is left.
func Durable() Option {
	return func(o *options) {
		o.settings = append(o.settings, "fsync=on", "full_page_writes=on", "synchronous_commit=on")
	}
}

// Fresh gives the server a system identifier of its own; those of all others are the same. It takes a second or two.
func Fresh() Option {
	return func(o *options) { o.fresh = true }
}

// HBA replaces pg_hba.conf by these lines. First lines that let the superuser in by socket, for replication too, are always
// there, for the harness itself.
func HBA(lines ...string) Option {
	return func(o *options) { o.hba = append(o.hba, lines...) }
}

// TCP lets the server listen on 127.0.0.1, on a free port.
func TCP() Option {
	return func(o *options) { o.tcp = true }
}

func (o *options) hbaFile() string {
	lines := o.hba
	if len(lines) == 0 {
		lines = []string{"local all all trust", "host all all 127.0.0.1/32 trust"}
	}
	return "local all postgres trust\nlocal replication postgres trust\n" + strings.Join(lines, "\n") + "\n"
}

// arguments returns the command line for the server in d on the port.
func (o *options) arguments(d *dir, port int) []string {
	args := []string{"-D", d.data(), "-k", d.path, "-p", fmt.Sprint(port), "-h", ""}
	if o.tcp {
		args[len(args)-1] = "127.0.0.1"
	}
	for _, s := range o.settings {
		args = append(args, "-c", s)
	}
	return args
}

// freePort asks the kernel for a port. Somebody else may take it before PostgreSQL does; then the start is tried again.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
