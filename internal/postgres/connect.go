package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// Limits that the server enforces on every statement of the pool. They are far above what a healthy statement of ours
// takes, and below what a person waits.
const (
	statementTimeout = 30 * time.Second
	lockTimeout      = 10 * time.Second
	idleInTxTimeout  = 60 * time.Second
	pingTimeout      = 2 * time.Second
)

// ApplicationName is what our own sessions are called in pg_stat_activity, or how their names begin.
const ApplicationName = "holdfast"

// The supported majors. Older ones are without security fixes, newer ones were not tested.
const (
	minMajor = 13
	maxMajor = 18
)

// DB is a bounded pool of connections to one database. Its methods are safe for concurrent use; their errors went
// through [Explain].
type DB struct {
	pool     *pgxpool.Pool
	config   Config
	password atomic.Pointer[secret.String] // in place of the one of config, nil: that one
}

// Connect opens the pool and makes sure that a supported PostgreSQL answers, all within connect_timeout. Close ends it.
// In private mode c must come from [PrivateServer.Config] or [PrivateConfig].
func Connect(ctx context.Context, c Config) (*DB, error) {
	c = c.complete()
	pc, err := poolConfig(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout.D())
	defer cancel()
	db := &DB{config: c}
	pc.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
		if p := db.password.Load(); p != nil {
			cc.Password = p.Reveal()
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, c.connectError(err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, c.connectError(err)
	}
	db.pool = pool
	return db, nil
}

// SetPassword has connections that are opened from now on log in with another password: the role's was changed.
func (db *DB) SetPassword(p secret.String) { db.password.Store(&p) }

// current returns the settings with the password that is right now.
func (db *DB) current() Config {
	c := db.config
	if p := db.password.Load(); p != nil {
		c.Password = *p
	}
	return c
}

// Close closes the pool and waits until every connection is given back.
func (db *DB) Close() { db.pool.Close() }

// Pool returns the pool itself, for what the methods of DB do not offer. Errors from it are the driver's: see [Explain].
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Schema returns the name of Holdfast's schema, ready to stand in a statement.
func (db *DB) Schema() string { return pgx.Identifier{db.config.Schema}.Sanitize() }

// dial opens a connection outside of the pool; parameters are added to the session's settings, "" removes one.
func dial(ctx context.Context, c Config, parameters map[string]string) (*pgx.Conn, error) {
	cc, err := connConfig(c)
	if err != nil {
		return nil, err
	}
	for name, value := range parameters {
		cc.RuntimeParams[name] = value
		if value == "" {
			delete(cc.RuntimeParams, name)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.ConnectTimeout.D())
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return nil, c.connectError(err)
	}
	if err := vet(conn.PgConn()); err != nil {
		_ = conn.Close(ctx)
		return nil, err
	}
	return conn, nil
}

func poolConfig(c Config) (*pgxpool.Config, error) {
	cc, err := connConfig(c)
	if err != nil {
		return nil, err
	}
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("read libpq environment: %w", err)
	}
	cc.Tracer = waitLimit{c.Options.Pool.Timeout.D()}
	pc.ConnConfig = cc
	pc.MaxConns = int32(c.MaxConnections)
	pc.MaxConnLifetimeJitter = 10 * time.Minute
	pc.PingTimeout = pingTimeout
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error { return vet(conn.PgConn()) }
	return pc, nil
}

// connConfig makes the driver's configuration. What it does not set follows libpq: PGPASSWORD or ~/.pgpass where the
// configuration has no password, PGSSLCERT and PGSSLKEY where it names no client certificate.
func connConfig(c Config) (*pgx.ConnConfig, error) {
	cc, err := pgx.ParseConfig(c.keywords())
	if err != nil {
		// The driver's error holds the text it was given, redacted as well as it can: we do not rely on that.
		return nil, fault.New(fault.Config, "database_config", "settings for the connection to %s are not understood", c.address()).
			WithHint("check sslmode, sslrootcert, sslcert, sslkey and the PG… variables of the environment")
	}
	cc.ConnectTimeout = c.ConnectTimeout.D()
	cc.DialFunc = dialer(c.ConnectTimeout.D())
	for name, value := range map[string]string{
		"application_name":                    ApplicationName,
		"search_path":                         "",    // see "Migrations" in the package comment
		"datestyle":                           "ISO", // of what is read as text
		"statement_timeout":                   milliseconds(statementTimeout),
		"lock_timeout":                        milliseconds(lockTimeout),
		"idle_in_transaction_session_timeout": milliseconds(idleInTxTimeout),
		"default_transaction_isolation":       "read committed", // what the functions of objects count on
	} {
		cc.RuntimeParams[name] = value
	}
	return cc, nil
}

// keywords writes the settings in libpq's form, "host='db' port='5432' …".
func (c Config) keywords() string {
	var b strings.Builder
	add := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s='%s' ", key, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
		}
	}
	add("host", c.Host)
	add("port", strconv.Itoa(c.Port))
	add("dbname", c.Name)
	add("user", c.Username)
	add("password", c.Password.Reveal())
	add("sslmode", c.SSLMode)
	add("sslrootcert", c.SSLRootCert)
	add("sslcert", c.SSLCert)
	add("sslkey", c.SSLKey)
	add("sslnegotiation", c.SSLNegotiation)
	add("channel_binding", c.ChannelBinding)
	add("target_session_attrs", "any")
	return b.String()
}

// address names the server in errors: "db.local:5432", or the path of the socket.
func (c Config) address() string {
	if isSocket(c.Host) {
		return c.Host + "/.s.PGSQL." + strconv.Itoa(c.Port)
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// vet refuses servers that speak PostgreSQL's protocol and are not a PostgreSQL that was tested. It looks at what the
// server tells of itself at login, so it costs no round trip.
func vet(conn *pgconn.PgConn) error {
	version := conn.ParameterStatus("server_version")
	if conn.ParameterStatus("crdb_version") != "" || strings.Contains(version, "-YB-") {
		return fault.New(fault.Config, "database_unsupported", "the server is not PostgreSQL but speaks its protocol (version %q)", version).
			WithHint("Holdfast supports PostgreSQL %d to %d", minMajor, maxMajor)
	}
	if major := majorOf(version); major < minMajor || major > maxMajor {
		return fault.New(fault.Config, "database_unsupported", "PostgreSQL %s is not supported", version).
			WithHint("Holdfast supports PostgreSQL %d to %d", minMajor, maxMajor)
	}
	return nil
}

// majorOf reads the major of a version as "15.18 (Debian 15.18-0)", "18beta1" or "9.6.24"; 0 when there is none.
func majorOf(version string) int {
	end := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(version)
	}
	major, err := strconv.Atoi(version[:end])
	if err != nil {
		return 0
	}
	return major
}
