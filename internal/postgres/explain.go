package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/fault"
)

// meaning is what an error means to an operator.
type meaning struct {
	kind fault.Kind
	code string
	hint string
}

// Explain turns an error of the driver into a fault.Error with code and hint where there is something to be done about
// it. Other errors, nil, and errors that are explained already are returned as they are.
func Explain(err error) error {
	if err == nil || errors.As(err, new(*fault.Error)) {
		return err
	}
	if errors.As(err, new(*pgconn.ConnectError)) { // it carries the whole configuration
		err = bare(err)
	}
	if m, ok := meaningOf(err); ok {
		return &fault.Error{Kind: m.kind, Code: m.code, Hint: m.hint, Err: err}
	}
	return err
}

// connectError is Explain for an error that came up while connecting: it says to where, in one line, without the password.
func (c Config) connectError(err error) error {
	where := fmt.Sprintf("connect to database %q as %q at %s", c.Name, c.Username, c.address())
	if errors.As(err, new(*fault.Error)) {
		return fmt.Errorf("%s: %w", where, bare(err))
	}
	m, ok := connectMeaning(err)
	if !ok {
		return fmt.Errorf("%s: %w", where, bare(err))
	}
	return &fault.Error{Kind: m.kind, Code: m.code, Hint: m.hint, Err: fmt.Errorf("%s: %w", where, bare(err))}
}

// bare returns the part of a connection error that tells what is wrong. The driver's own text lists every attempt
// (each address, with and without TLS) with all its layers.
func bare(err error) error {
	var (
		known  *fault.Error
		pg     *pgconn.PgError
		not    notPostgres
		op     *net.OpError
		dns    *net.DNSError
		verify *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &pg):
		return pg
	case errors.As(err, &not):
		return not
	case errors.As(err, &verify):
		return verify
	case errors.As(err, &dns):
		return dns
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	case errors.As(err, &op):
		return op
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "failed to connect to") {
			return errors.New(text)
		}
	}
	return err
}

// connectMeaning adds to meaningOf what only an attempt to connect can mean.
func connectMeaning(err error) (meaning, bool) {
	if m, ok := meaningOf(err); ok {
		return m, true
	}
	var (
		not notPostgres
		dns *net.DNSError
		rec tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &not), errors.As(err, &rec):
		return meaning{fault.Config, "database_not_postgres", "check host and port: PostgreSQL's usual port is 5432"}, true
	case errors.Is(err, syscall.ECONNREFUSED):
		return meaning{fault.Unavailable, "database_refused", "nothing listens there: check host and port, whether the server runs, and its listen_addresses"}, true
	case errors.Is(err, fs.ErrNotExist):
		return meaning{fault.Unavailable, "database_refused", "there is no such socket: check the directory and the port, and whether the server runs"}, true
	case errors.Is(err, fs.ErrPermission):
		return meaning{fault.Denied, "database_socket_denied", "the socket may not be opened by this account: check the modes of the socket and of the directories above it"}, true
	case errors.As(err, &dns):
		return meaning{fault.Unavailable, "database_unknown_host", "the name cannot be resolved: check host, or write an address"}, true
	case isTLS(err):
		return meaning{fault.Config, "database_tls", "sslrootcert must name the authority that signed the server's certificate, and host the name in it"}, true
	case strings.Contains(err.Error(), "server refused TLS connection"):
		return meaning{fault.Config, "database_tls", `the server offers no TLS: set ssl = on there, or sslmode = "prefer" here if the network is trusted`}, true
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return meaning{fault.Unavailable, "database_timeout", "nothing answered within connect_timeout: check host, port and firewall; is it PostgreSQL that listens there?"}, true
	}
	return meaning{}, false
}

func isTLS(err error) bool {
	var alert tls.AlertError
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, &alert) ||
		errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.HostnameError))
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// meaningOf reads the SQLSTATE (PostgreSQL manual, appendix "PostgreSQL Error Codes") and broken connections.
func meaningOf(err error) (meaning, bool) {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed) {
			return meaning{fault.Unavailable, "database_lost", "the connection broke: look into the server's log"}, true
		}
		return meaning{}, false
	}
	if pg.Code == "28000" && strings.Contains(pg.Message, "no encryption") || strings.Contains(pg.Message, "SSL off") {
		return meaning{fault.Denied, "database_not_allowed", `pg_hba.conf has no line for an unencrypted connection from here: set sslmode = "require", or add a line`}, true
	}
	m, ok := sqlstates[pg.Code]
	if !ok && strings.HasPrefix(pg.Code, "08") {
		m, ok = meaning{fault.Unavailable, "database_lost", "the connection broke: look into the server's log"}, true
	}
	return m, ok
}

var sqlstates = map[string]meaning{
	"28P01": {fault.Denied, "database_password", "check username and password; the file that password_file names may hold another one"},
	"28000": {fault.Denied, "database_not_allowed", "pg_hba.conf does not let this role in from here, or there is no such role: add a line such as: host DATABASE ROLE ADDRESS/32 scram-sha-256"},
	"3D000": {fault.NotFound, "database_unknown", "create it with: createdb --owner=ROLE DATABASE; or check database.name"},
	"42501": {fault.Denied, "database_privilege", "grant the role what it lacks; Holdfast's schema needs: GRANT CREATE ON DATABASE name TO role"},
	"53300": {fault.Full, "database_connections", "all connections of the server are taken: raise max_connections there, or lower options.pool.max_size"},
	"53100": {fault.Full, "disk_full", "the server's disk is full: make room there"},
	"53200": {fault.Full, "database_memory", "the server is out of memory: lower work_mem or the number of connections"},
	"57P01": {fault.Unavailable, "database_stopping", "the server is being stopped, or an administrator ended the connection"},
	"57P02": {fault.Unavailable, "database_crashed", "a process of the server crashed: look into the server's log"},
	"57P03": {fault.Unavailable, "database_starting", "the server is starting or stopping: try again in a moment"},
	"57014": {fault.Unavailable, "statement_timeout", "the statement took too long: look for locks and for load in pg_stat_activity"},
	"55P03": {fault.Unavailable, "lock_timeout", "another session holds the lock: look for it with pg_blocking_pids()"},
	"25P03": {fault.Unavailable, "transaction_timeout", "a transaction was left open too long"},
	"25006": {fault.Unavailable, "database_read_only", "this server is a replica or read-only: host must lead to the primary"},
	"08P01": {fault.Config, "database_pooler", "if a pooler stands between, lead host and port to PostgreSQL itself: Holdfast needs sessions of its own"},
}
