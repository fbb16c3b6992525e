package console

import "context"

// Source is the pooler as the console sees it. Methods that return rows answer from memory, at once, with a copy that
// the console may keep; they are called by several sessions at a time.
type Source interface {
	Tables
	Steering
}

// Tables are what SHOW shows.
type Tables interface {
	Pooling
	Connections
	Topology
	Process
}

// Steering is what commands do. A command takes effect before the method returns, unless it says otherwise. Its errors
// should be a *fault.Error, or answer SQLState() string: NotFound for a database or client that does not exist, Conflict
// for a state that does not allow it, Usage for a value that cannot be.
type Steering interface {
	Settings
	Flow
	Cut
	Life
}

// Pooling says what is pooled and how it fares.
type Pooling interface {
	Pools() []Pool
	Databases() []Database
	Users() []User
	Stats() []Stat
	Lists() Lists
}

// Connections says who is connected.
type Connections interface {
	Clients() []Connection
	Servers() []Connection
	Pins() []Pin
	Prepared() []Prepared
}

// Topology says what stands around this process.
type Topology interface {
	Hosts() []Host
	Replication() []Replica
	Peers() []Peer
	PeerPools() []PeerPool
}

// Process says how this process is.
type Process interface {
	State() State
	Memory() []Memory
	Descriptors() []Descriptor
	DNSHosts() []DNSHost
	DNSZones() []DNSZone
}

// Settings are read and changed while the pooler runs.
type Settings interface {
	// Config returns all settings. Secrets are redacted.
	Config() []Setting
	// Set changes a setting until the next start. The key is one of Config, or a name that PgBouncer gives it.
	Set(ctx context.Context, key, value string) error
}

// Flow holds clients back and lets them go on. An empty database means all of them.
type Flow interface {
	// Pause takes no new work to the database's servers and returns when all its server connections are closed.
	Pause(ctx context.Context, database string) error
	// Resume ends Pause, Suspend and Kill. It is a conflict when there is nothing to end.
	Resume(ctx context.Context, database string) error
	// Disable refuses new clients of a database; Enable ends that.
	Disable(ctx context.Context, database string) error
	Enable(ctx context.Context, database string) error
	// Suspend stops reading from all clients and returns when everything in flight has been delivered.
	Suspend(ctx context.Context) error
}

// Cut ends connections. An empty database means all of them.
type Cut interface {
	// Reconnect closes server connections as they are released. It returns at once.
	Reconnect(ctx context.Context, database string) error
	// Kill drops all clients and servers of the database now, and pauses it.
	Kill(ctx context.Context, database string) error
	// KillClient drops the client with that id of Clients, and its server connection.
	KillClient(ctx context.Context, id int32) error
	// WaitClose returns when every connection that Reconnect or Reload marked is closed.
	WaitClose(ctx context.Context, database string) error
}

// Life is about the process as a whole.
type Life interface {
	// Reload reads the configuration again. It returns the mistakes, and then nothing has changed.
	Reload(ctx context.Context) error
	// Shutdown begins to end the process and returns when that has begun.
	Shutdown(ctx context.Context, mode Shutdown) error
}

// Shutdown says what a process waits for before it ends.
type Shutdown uint8

// The modes of SHUTDOWN.
const (
	ShutdownNow            Shutdown = iota // wait for nothing
	ShutdownWaitForServers                 // until all servers are released; clients that wait for one are dropped
	ShutdownWaitForClients                 // until all clients have gone
)

// String returns the word that stands behind SHUTDOWN, "" for ShutdownNow.
func (s Shutdown) String() string {
	switch s {
	case ShutdownWaitForServers:
		return "WAIT_FOR_SERVERS"
	case ShutdownWaitForClients:
		return "WAIT_FOR_CLIENTS"
	}
	return ""
}
