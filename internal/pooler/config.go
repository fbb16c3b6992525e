package pooler

import (
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/pgauth"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the pooler's part of the table [database]: where clients come in, who they are, and how servers are shared.
type Config struct {
	// Pooler turns the pooler on. Default true; false is short for one endpoint with mode "direct".
	Pooler bool `toml:"pooler"`
	// Endpoints are the addresses that applications connect to. Default: one for sessions on 127.0.0.1:6432, and with
	// replicas a second one for reads on 127.0.0.1:6433.
	Endpoints []Endpoint `toml:"endpoints"`
	// Replicas are further servers with copies of the same database, as "10.0.0.2:5432". Any of them may become primary. One that is
	// to take three times as many reads as another is written "10.0.0.2:5432 weight=3"; weight=0 takes none. Default none.
	Replicas []string `toml:"replicas"`
	// Routes send databases to other servers than the one of host, by the name that clients use; a trailing * stands for
	// any ending. Default: every database is on the server of host, under its own name.
	Routes map[string]Route `toml:"routes"`
	// Users are roles of the server that have limits of their own, by name. Default none.
	Users map[string]User `toml:"users"`
	// MaxUserConnections is how many connections one user, a role of the server, may have by all pools of the process together: of all
	// databases and endpoints. Those that classes have reserved come on top. Default 0: no limit.
	MaxUserConnections int `toml:"max_user_connections"`
	// FastPercent is how many of a hundred queries the database is to answer within 100 ms: a finding names pools with less over the
	// last minutes, if they had a hundred queries. Waits for a connection do not count. Default 90; 0 asks for nothing.
	FastPercent int `toml:"fast_percent"`
	// Limits are rules for classes of callers, by the name of the class. Default none.
	Limits map[string]Limit `toml:"limits"`
	// Peers are all Holdfast processes behind one balancer: cancel requests that arrive at the wrong one are passed on, once. Default none.
	Peers []Peer `toml:"peers"`
	// PreparedStatements that one server session keeps for clients in transaction mode. Default 200.
	PreparedStatements int `toml:"prepared_statements"`
	// MaxClients is how many clients may be connected to all endpoints together. Default 10000.
	MaxClients int `toml:"max_clients"`
	// LoginTimeout bounds a log-in, from the first byte to the first ReadyForQuery. Default 30s.
	LoginTimeout unit.Duration `toml:"login_timeout"`
	// Hold is how long clients wait, and get no error, while no primary is there: a restart or a failover. Default 20s; 0 fails at once.
	Hold unit.Duration `toml:"hold"`
	// KeepAlive is how long a connection of a client or server may be silent before it is probed, and the time between probes, of
	// which three may stay unanswered. Default 15s; networks that drop idle connections want less than they wait.
	KeepAlive unit.Duration `toml:"keepalive"`
	// UserTimeout is how long sent data may stay unacknowledged before a connection is given up. Default 30s.
	UserTimeout unit.Duration `toml:"user_timeout"`
	// TakeoverLinger is how long clients may stay with a process that another one has taken over from ("holdfast serve --takeover"). Who
	// is there still is told to leave then, as at the end of the process. Default 1h; at most 168h.
	TakeoverLinger unit.Duration `toml:"takeover_linger"`
	// Loops is how many event loops relay. Default: one for each two processors.
	Loops int `toml:"loops"`
	// Admins are the users who may use all of the console (database "pgbouncer"). Default: username.
	Admins []string `toml:"admins"`
	// StatsUsers may read the console (database "pgbouncer"), for exporters. Default none.
	StatsUsers []string `toml:"stats_users"`

	// Audit is the record of who did what.
	Audit audit.Config `toml:"audit"`

	// The log-in.
	pgauth.Config
}

// Endpoint is a table [[database.endpoints]].
type Endpoint struct {
	// Listen is an address, as "127.0.0.1:6432", or the path of a Unix socket, as "/run/holdfast/.s.PGSQL.6432". Mode "direct" has none.
	Listen string `toml:"listen"`
	// Mode is "session" (a client keeps its server until it leaves; the default), "transaction" (until its transaction ends), or
	// "direct": nothing listens, the application is handed PostgreSQL's own address and adds no hop; its role is limited and watched.
	Mode string `toml:"mode"`
	// Username is the role of an endpoint with mode "direct". Default: username of [database]. Holdfast knows no password of another role.
	Username string `toml:"username"`
	// Class whose limits ([database.limits.CLASS]) the role of mode "direct" gets by ALTER ROLE, in this database. Default: none.
	Class string `toml:"class"`
	// Target is "primary" (the default) or "replica".
	Target string `toml:"target"`
	// MaxLag of a replica that takes reads. Default 10s.
	MaxLag unit.Duration `toml:"max_lag"`
	// NoReplica is what happens to reads when no replica qualifies: "primary" (they go there, in transactions that can only read; the
	// default) or "error" (57P03; a client that asks for a position by holdfast.min_lsn waits for it first, as long as timeout).
	NoReplica string `toml:"no_replica"`
	// ReadYourWrites sends a person who wrote through a primary endpoint to the primary until replicas have what was written, which takes
	// a second or two. What a function wrote that a SELECT called is not noticed, nor what was written through another process. Default
	// false. A client can ask for the same by the setting holdfast.min_lsn, an LSN: in transaction mode at any time, else at log-in.
	ReadYourWrites bool `toml:"read_your_writes"`
	// MinSize is how many connections the application's own role (username) has open here before it comes, in its own database and in
	// the class that the rules give it; at an endpoint with target = "replica" so many on each replica. Default: that of
	// [database.options.pool], and none on replicas.
	MinSize int `toml:"min_size"`
	// MaxSize of this endpoint's pools. Default: that of [database.options.pool]. With mode "direct": how many connections the role may
	// have (CONNECTION LIMIT), from all machines together; for the role that Holdfast uses itself, Holdfast's own are added. Default no limit.
	MaxSize int `toml:"max_size"`
	// Timeout is how long a request waits here for a connection. Default: that of [database.options.pool].
	Timeout unit.Duration `toml:"timeout"`
	// TLSCert is a PEM file; with it and tls_key clients may use TLS. Default none.
	TLSCert string `toml:"tls_cert"`
	// TLSKey is the PEM file with the key of tls_cert.
	TLSKey string `toml:"tls_key"`
	// TLSClientCA is a PEM file with the authorities that sign clients' certificates. Default none: none are asked for.
	TLSClientCA string `toml:"tls_client_ca"`
	// TLS is "disable", "allow" (the default with tls_cert) or "require". An address that is not of this machine needs "require".
	TLS string `toml:"tls"`
	// ProxyProtocol lists balancers, as "10.0.0.0/8", that say whom they speak for (PROXY protocol, versions 1 and 2). Default none.
	ProxyProtocol []string `toml:"proxy_protocol"`
	// SocketMode of a Unix socket, as "0770". Default "0777": who may log in is decided by rules.
	SocketMode string `toml:"socket_mode"`
}

// Route is a table [database.routes.NAME].
type Route struct {
	// Hosts of the servers, as "db2.local:5432"; one of them is the primary. With weights as in replicas. Default: those of [database].
	Hosts []string `toml:"hosts"`
	// Database is its name there. Default: the one that the client uses.
	Database string `toml:"database"`
	// Username of the role for Holdfast's own questions, as who is primary. Default: the one of [database].
	Username string `toml:"username"`
	// Password of that role; also password_file.
	Password secret.String `toml:"password"`
	// SSLMode as in [database]. Default: the one of [database].
	SSLMode string `toml:"sslmode"`
	// SSLRootCert as in [database]. Default: the one of [database].
	SSLRootCert string `toml:"sslrootcert"`
	// SSLCert as in [database]. Default: the one of [database].
	SSLCert string `toml:"sslcert"`
	// SSLKey as in [database]. Default: the one of [database].
	SSLKey string `toml:"sslkey"`
	// SSLNegotiation as in [database]. Default: the one of [database].
	SSLNegotiation string `toml:"sslnegotiation"`
	// ChannelBinding as in [database]. Default: the one of [database].
	ChannelBinding string `toml:"channel_binding"`
	// MinSize is how many connections the application's own role (username) has open to this database before it comes, at each endpoint.
	// Not for a name with *, of which no database is known. Default: for the application's own database the endpoint's, else none.
	MinSize int `toml:"min_size"`
	// MaxSize of each of its pools. Default: the endpoint's.
	MaxSize int `toml:"max_size"`
	// MaxConnections to this database by all pools together; those that classes have reserved come on top. Default no limit.
	MaxConnections int `toml:"max_connections"`
}

// User is a table [database.users.NAME].
type User struct {
	// MaxConnections of the role by all pools of the process together: of all databases and endpoints. Those that classes have reserved come
	// on top. Default: max_user_connections.
	MaxConnections int `toml:"max_connections"`
}

// Limit is a table [database.limits.CLASS].
type Limit struct {
	// StatementTimeout is PostgreSQL's statement_timeout for sessions of the class; a client may change it for itself. Default:
	// the server's.
	StatementTimeout unit.Duration `toml:"statement_timeout"`
	// LockTimeout is PostgreSQL's lock_timeout. Default: the server's.
	LockTimeout unit.Duration `toml:"lock_timeout"`
	// IdleInTransactionTimeout is PostgreSQL's idle_in_transaction_session_timeout. Default: the server's.
	IdleInTransactionTimeout unit.Duration `toml:"idle_in_transaction_timeout"`
	// Timeout is how long a request of the class waits for a connection. Default: the endpoint's.
	Timeout unit.Duration `toml:"timeout"`
	// FastPercent of the class: see fast_percent of [database]. Default: that one; -1 asks for nothing, as for reports.
	FastPercent int `toml:"fast_percent"`
	// MaxPerPerson is how many connections of a pool one person of the class may hold. Default no limit. It does not bind a class with
	// reserved connections.
	MaxPerPerson int `toml:"max_per_person"`
	// Reserved connections beyond max_size serve the class when the pool is full: for administrators. They are beyond max_connections of
	// a route and of a user, too, and as many clients of such classes get in beyond max_clients. The class knows neither max_per_person
	// nor max_waiting. Default 0.
	Reserved int `toml:"reserved"`
}

// Peer is a table [[database.peers]]: another Holdfast behind the same balancer.
type Peer struct {
	// ID of the process, 1 to 2047.
	ID int `toml:"id"`
	// Address of one of its endpoints, as "10.0.0.3:6432". Each process knows itself by it.
	Address string `toml:"address"`
}

// The values of Endpoint.Mode and Endpoint.Target.
const (
	ModeSession     = "session"
	ModeTransaction = "transaction"
	ModeDirect      = "direct"
	TargetPrimary   = "primary"
	TargetReplica   = "replica"
)

// DefaultConfig returns the settings of an empty table.
func DefaultConfig() Config {
	return Config{
		Pooler:             true,
		PreparedStatements: 200,
		MaxClients:         10_000,
		FastPercent:        90,
		LoginTimeout:       unit.Duration(30 * time.Second),
		Hold:               unit.Duration(20 * time.Second),
		KeepAlive:          unit.Duration(15 * time.Second),
		UserTimeout:        unit.Duration(30 * time.Second),
		TakeoverLinger:     unit.Duration(time.Hour),
		Audit:              audit.DefaultConfig(),
		Config:             pgauth.DefaultConfig(),
	}
}
