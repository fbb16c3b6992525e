package console

import "time"

// In all rows an empty text that PgBouncer shows as NULL is shown as NULL, and so are zero times.

// Pool is a row of SHOW POOLS: the connections of one user (or class) to one database by one endpoint.
type Pool struct {
	Database, User string

	ClientsActive          int // linked to a server, or idle
	ClientsWaiting         int // have sent something and wait for a server
	ClientsCanceling       int // cancel requests that wait for the server's answer
	ClientsCancelWaiting   int // cancel requests that wait to be sent
	ServersActive          int // linked to a client
	ServersCanceling       int // that forward a cancel request
	ServersBeingCanceled   int // free but for a cancel request on its way to them
	ServersIdle            int // ready to be lent
	ServersUsed            int // idle so long that they are checked before they are lent
	ServersTested          int // being checked or reset
	ServersLogin           int // logging in
	MaxWait                time.Duration
	Mode, LoadBalanceHosts string // "session", "transaction"; PgBouncer's name of the balancing rule

	// Of our own.
	Name          string // as `holdfast pool show` names it
	Target        string // "primary" or "replica"
	Size, MinSize int    // bounds
	Pinned        int    // servers that a client keeps beyond its transaction
	LastError     string // why the last attempt to connect failed; empty when it did not
}

// Connection is a row of SHOW CLIENTS or SHOW SERVERS.
type Connection struct {
	User, Database string
	Replication    string // "none", "logical", "physical"; empty is none
	State          string // of a client: active, idle, waiting, active_cancel_req, waiting_cancel_req, login;
	//                       of a server: active, idle, used, tested, new, active_cancel, being_canceled
	Addr            string // of the other side; "unix" for a Unix socket
	Port            int
	LocalAddr       string
	LocalPort       int
	ConnectTime     time.Time
	RequestTime     time.Time
	Wait            time.Duration // of a client that waits for a server
	CloseNeeded     bool          // a server that is closed when it is released
	ID              int32         // unique among clients and servers of this process, above 0
	Link            int32         // ID of the connection it is paired with, or 0
	RemotePID       int           // of the backend; of a client on a Unix socket
	TLS             string        // "TLSv1.3/TLS_AES_256_GCM_SHA384", or empty
	ApplicationName string
	Prepared        int // statements prepared
	Buffered        int // bytes read and not yet passed on

	// Of our own.
	Person   string // who logged in, where User is the role that the server sees
	Class    string // class of caller
	Endpoint string // listener of a client; host of a server
	Pinned   string // why a client keeps its server, or empty
}

// Database is a row of SHOW DATABASES.
type Database struct {
	Name                     string // as clients name it
	Host                     string // comma separated when there are several; empty when the default socket is used
	Port                     int
	Database                 string // as the server names it
	ForceUser                string
	PoolSize, MinPoolSize    int
	ReservePoolSize          int
	ServerLifetime           time.Duration
	PoolMode                 string // empty when the default applies
	LoadBalanceHosts         string
	MaxConnections           int // 0 is no limit
	CurrentConnections       int
	MaxClientConnections     int // 0 is no limit
	CurrentClientConnections int
	Paused, Disabled         bool
}

// User is a row of SHOW USERS. A size of 0 is one that the user does not override.
type User struct {
	Name                      string
	PoolSize, ReservePoolSize int
	PoolMode                  string
	MaxUserConnections        int
	CurrentConnections        int
	MaxUserClientConnections  int
	CurrentClientConnections  int
}

// Stat is a row of SHOW STATS: a database since the start, and in the last period.
type Stat struct {
	Database string
	Total    Counters
	Average  Counters // counts and bytes a second, times each; see Counters.Average
}

// Lists are the rows of SHOW LISTS: how many there are of what.
type Lists struct {
	Databases, Users, Peers, Pools, PeerPools   int
	FreeClients, UsedClients, LoginClients      int
	FreeServers, UsedServers                    int
	DNSNames, DNSZones, DNSQueries, DNSPendings int
}

// Setting is a row of SHOW CONFIG.
type Setting struct {
	Key, Value, Default string
	Changeable          bool // by SET or RELOAD
}

// Pin is a row of SHOW PINS: a client in transaction mode that keeps its server beyond the transaction.
type Pin struct {
	Client, Server  int32 // IDs of SHOW CLIENTS and SHOW SERVERS
	Database, User  string
	Person          string
	Reason          string // "temporary table", "listen", "advisory lock", …
	Since           time.Time
	ApplicationName string
}

// Prepared is a row of SHOW PREPARED_STATEMENTS.
type Prepared struct {
	Database, User string
	Name           string // on the servers
	Query          string // shown to administrators only
	Clients        int    // that have it prepared
	Servers        int    // on which it is prepared
	Binds          int64
}

// Host is a row of SHOW HOSTS: a PostgreSQL server as it was last seen.
type Host struct {
	Server      string // name of the group of hosts in the configuration
	Host        string
	Port        int
	Role        string // "primary", "replica", "unknown"
	Fit         bool   // takes clients now
	Connections int    // server connections open to it
	Timeline    int64
	LSN         string
	Since       time.Time // of this role
	Checked     time.Time
	Error       string
}

// Replica is a row of SHOW REPLICATION.
type Replica struct {
	Server     string
	Host       string
	Port       int
	ReceiveLSN string
	ReplayLSN  string
	LagBytes   int64
	Lag        time.Duration
	MaxLag     time.Duration // above which it takes no clients; 0 is no limit
	Fit        bool
	Reason     string // why it is not fit
}

// Peer is a row of SHOW PEERS: another process to which cancel requests may belong.
type Peer struct {
	ID       int
	Host     string
	Port     int
	PoolSize int
}

// PeerPool is a row of SHOW PEER_POOLS.
type PeerPool struct {
	ID                                                              int
	ClientsCanceling, ClientsCancelWaiting, ServersCanceling, Login int
}

// State is what the pooler as a whole does.
type State string

// The states of SHOW STATE.
const (
	Active    State = "active"
	Paused    State = "paused"
	Suspended State = "suspended"
)

// Memory is a row of SHOW MEM. Sizes are in bytes.
type Memory struct {
	Name             string
	Size, Used, Free int64
	Total            int64
}

// Descriptor is a row of SHOW FDS. The columns of cancel keys, passwords and SCRAM keys are always empty.
type Descriptor struct {
	FD             int
	Task           string // "pooler", "client", "server"
	User, Database string
	Addr           string
	Port           int
	Link           int
	ClientEncoding string
	StdStrings     string
	DateStyle      string
	TimeZone       string
}

// DNSHost is a row of SHOW DNS_HOSTS.
type DNSHost struct {
	Name  string
	TTL   time.Duration
	Addrs []string
}

// DNSZone is a row of SHOW DNS_ZONES.
type DNSZone struct {
	Name   string
	Serial int64
	Count  int
}
