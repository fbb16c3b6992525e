package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const poolSize = 20

// door is an address that pgbench connects to: a pooler, or PostgreSQL itself.
type door struct {
	name    string
	port    string
	process *process
	modes   map[string]bool // that it can do, by pgbench's names
}

func modes() []string { return []string{"simple", "extended", "prepared"} }

func allModes() map[string]bool {
	return map[string]bool{"simple": true, "extended": true, "prepared": true}
}

// pgbouncerProgram is Debian's, or another build.
func pgbouncerProgram() string { return cmp.Or(os.Getenv("PGBOUNCER"), "pgbouncer") }

func pgbouncerVersion() string { return firstLine(pgbouncerProgram(), "--version") }

// preparing reports whether this PgBouncer keeps prepared statements in transaction mode: 1.21 and later do.
func preparing(version string) bool {
	var major, minor int
	_, err := fmt.Sscanf(version, "PgBouncer %d.%d", &major, &minor)
	return err == nil && (major > 1 || minor >= 21)
}

// startPgBouncer starts the peer; with a certificate its clients may use TLS.
func startPgBouncer(dir, name string, pg *pgServer, cert *certificate) (*door, error) {
	home := filepath.Join(dir, name)
	if err := pg.own(home); err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	d := &door{name: "PgBouncer", port: port, modes: allModes()}
	users := filepath.Join(home, "users.txt")
	conf := fmt.Sprintf(pgbouncerConf, benchUser, pg.dir, pg.port, port, poolSize, poolSize, users)
	if d.modes["prepared"] = preparing(pgbouncerVersion()); d.modes["prepared"] {
		conf += "max_prepared_statements = 200\n"
	}
	if cert != nil {
		conf += fmt.Sprintf("client_tls_sslmode = allow\nclient_tls_cert_file = %s\nclient_tls_key_file = %s\n", cert.cert, cert.key)
	}
	ini := filepath.Join(home, "pgbouncer.ini")
	err = errors.Join(
		os.WriteFile(users, []byte(fmt.Sprintf("%q %q\n", benchUser, "")), 0o644),
		os.WriteFile(ini, []byte(conf), 0o644))
	if err != nil {
		return nil, err
	}
	d.process, err = runAs(pg.as, dir, name, addr, nil, pgbouncerProgram(), ini)
	return d, err
}

// pgbouncerConf is what a careful administrator would write, and no record of log-ins.
const pgbouncerConf = `[databases]
%s = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[4]s
unix_socket_dir =
auth_type = trust
auth_file = %[7]s
pool_mode = transaction
default_pool_size = %[5]d
min_pool_size = %[6]d
max_client_conn = 11000
listen_backlog = 1024
log_connections = 0
log_disconnections = 0
`

// startPooler starts Holdfast with an endpoint for transactions, attached to the same PostgreSQL.
func startPooler(ctx context.Context, dir, name, binary string, pg *pgServer, cert *certificate) (*door, error) {
	home := filepath.Join(dir, name)
	if _, err := output(ctx, binary, "init", "--dir", home); err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	conf := strings.NewReplacer("USER", benchUser, "SCHEMA", name).Replace(poolerConf)
	conf = fmt.Sprintf(conf, pg.dir, pg.port, poolSize, poolSize, addr)
	if cert != nil {
		conf += fmt.Sprintf("tls_cert = %q\ntls_key = %q\n", cert.cert, cert.key)
	}
	file := filepath.Join(home, "holdfast.toml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	var env []string
	for _, part := range []string{"S3", "EDGE", "ADMIN"} { // they are not asked anything
		idle, err := freePort()
		if err != nil {
			return nil, err
		}
		env = append(env, "HOLDFAST_"+part+"__LISTEN="+idle)
	}
	d := &door{name: "Holdfast", port: port, modes: allModes()}
	d.process, err = run(dir, name, addr, env, binary, "serve", "--config", file)
	return d, err
}

// poolerConf: the audit stream is off, as it is without a setting.
const poolerConf = `
[paths]
state = "data"
[log]
level = "warn"
[files]
master_key_file = "secrets/master_key"
[admin]
token_file = "secrets/admin_token"
[database]
host = %q
port = %s
name = "USER"
username = "USER"
schema = "SCHEMA"
max_clients = 11000
[database.options.pool]
min_size = %d
max_size = %d
[[database.rules]]
addresses = ["local", "loopback"]
method = "trust"
server_user = "USER"
[[database.endpoints]]
mode = "transaction"
listen = %q
`
