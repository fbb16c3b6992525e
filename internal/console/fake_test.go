package console_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"holdfast/internal/console"
	"holdfast/internal/fault"
)

// fakePooler is a Source with one row in each table. It remembers what it was told.
type fakePooler struct {
	wait chan struct{} // Pause returns when it is closed; nil: at once
	fail error         // what commands answer

	// mu protects the following.
	mu    sync.Mutex
	calls []string
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func (f *fakePooler) call(parts ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := parts[0]
	for _, p := range parts[1:] {
		text += " " + p
	}
	f.calls = append(f.calls, text)
	return f.fail
}

func (f *fakePooler) told() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

func (f *fakePooler) Pools() []console.Pool {
	return []console.Pool{
		{Database: "app", User: "u", ClientsActive: 3, ServersIdle: 2, MaxWait: 1500 * time.Millisecond, Mode: "session", Name: "app/primary", Target: "primary", Size: 20},
		{Database: "app", User: "ö", ClientsWaiting: 70000, Mode: "transaction"},
	}
}

func (f *fakePooler) Databases() []console.Database {
	return []console.Database{{Name: "app", Host: "127.0.0.1", Port: 5432, Database: "real", PoolSize: 20, ReservePoolSize: 3, ServerLifetime: time.Hour, Paused: true}}
}

func (f *fakePooler) Users() []console.User {
	return []console.User{{Name: "u", PoolSize: 7}, {Name: "v"}}
}

func (f *fakePooler) Stats() []console.Stat {
	return []console.Stat{
		{
			Database: "app",
			Total:    console.Counters{Transactions: 10, Queries: 123456789012, Received: 5, QueryTime: time.Second},
			Average:  console.Counters{Queries: 1, QueryTime: time.Second},
		},
		{Database: "b", Total: console.Counters{Transactions: 5}, Average: console.Counters{Queries: 3, QueryTime: 5 * time.Second}},
	}
}

func (f *fakePooler) Lists() console.Lists { return console.Lists{Databases: 2, DNSPendings: 9} }

func (f *fakePooler) Clients() []console.Connection {
	return []console.Connection{
		{User: "u", Database: "app", State: "idle", Addr: "10.0.0.1", Port: 4711, ConnectTime: noon, ID: 17, Link: 18, ApplicationName: "psql", Person: "ada"},
		{User: "u", Database: "app", State: "waiting", Addr: "unix", Wait: 2*time.Second + 3*time.Microsecond, ID: 19, Buffered: 12},
	}
}

func (f *fakePooler) Servers() []console.Connection {
	return []console.Connection{{User: "u", Database: "app", State: "new", Addr: "10.0.0.2", Port: 5432, CloseNeeded: true, ID: 18, Link: 17, RemotePID: 99, TLS: "TLSv1.3"}}
}

func (f *fakePooler) Pins() []console.Pin {
	return []console.Pin{{Client: 17, Server: 18, Database: "app", User: "u", Reason: "listen", Since: noon}}
}

func (f *fakePooler) Prepared() []console.Prepared {
	return []console.Prepared{{Database: "app", User: "u", Name: "hf_1", Query: "select 'secret'", Clients: 1, Servers: 2, Binds: 3}}
}

func (f *fakePooler) Hosts() []console.Host {
	return []console.Host{{Server: "main", Host: "db1", Port: 5432, Role: "primary", Fit: true, Timeline: 3, LSN: "0/3000060"}}
}

func (f *fakePooler) Replication() []console.Replica {
	return []console.Replica{{Server: "main", Host: "db2", Port: 5432, LagBytes: 10, Lag: time.Millisecond, Reason: "lag"}}
}

func (f *fakePooler) Peers() []console.Peer {
	return []console.Peer{{ID: 1, Host: "/tmp", Port: 6432, PoolSize: 5}}
}
func (f *fakePooler) PeerPools() []console.PeerPool { return []console.PeerPool{{ID: 1, Login: 2}} }
func (f *fakePooler) State() console.State          { return console.Paused }
func (f *fakePooler) Memory() []console.Memory {
	return []console.Memory{{Name: "heap", Size: 1, Total: 1 << 40}}
}

func (f *fakePooler) Descriptors() []console.Descriptor {
	return []console.Descriptor{{FD: 7, Task: "pooler", Addr: "127.0.0.1", Port: 6432}}
}

func (f *fakePooler) DNSHosts() []console.DNSHost {
	return []console.DNSHost{{Name: "db", TTL: 15 * time.Second, Addrs: []string{"10.0.0.1", "10.0.0.2"}}}
}

func (f *fakePooler) DNSZones() []console.DNSZone {
	return []console.DNSZone{{Name: "example", Serial: 1}}
}

func (f *fakePooler) Config() []console.Setting {
	return []console.Setting{{Key: "pool_mode", Value: "session", Default: "session", Changeable: true}, {Key: "listen_port", Value: "6432", Default: "6432"}}
}

func (f *fakePooler) Set(_ context.Context, key, value string) error {
	return f.call("set", key, value)
}

func (f *fakePooler) Pause(ctx context.Context, database string) error {
	if f.wait != nil {
		select {
		case <-f.wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return f.call("pause", database)
}

func (f *fakePooler) Resume(_ context.Context, database string) error {
	return f.call("resume", database)
}

func (f *fakePooler) Disable(_ context.Context, database string) error {
	return f.call("disable", database)
}

func (f *fakePooler) Enable(_ context.Context, database string) error {
	return f.call("enable", database)
}
func (f *fakePooler) Suspend(context.Context) error { return f.call("suspend") }

func (f *fakePooler) Reconnect(_ context.Context, database string) error {
	if database == "missing" {
		return fault.New(fault.NotFound, "unknown_database", "no such database: %s", database).WithHint("SHOW DATABASES lists them")
	}
	return f.call("reconnect", database)
}

func (f *fakePooler) Kill(_ context.Context, database string) error { return f.call("kill", database) }

func (f *fakePooler) KillClient(_ context.Context, id int32) error {
	return f.call("kill_client", string(rune('0'+id%10)))
}

func (f *fakePooler) WaitClose(_ context.Context, database string) error {
	return f.call("wait_close", database)
}
func (f *fakePooler) Reload(context.Context) error { return f.call("reload") }

func (f *fakePooler) Shutdown(_ context.Context, mode console.Shutdown) error {
	return f.call("shutdown", mode.String())
}
