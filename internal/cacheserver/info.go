package cacheserver

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// redisVersion is the version of Redis whose words and answers these are: clients ask for it before they use a command.
const redisVersion = "7.0.15"

func otherCommands() []command {
	none, one := [3]int{}, [3]int{1, 1, 1}
	return []command{
		{"multi", 1, noStore | outside, none, multi},
		{"exec", 1, outside, none, exec},
		{"discard", 1, noStore | outside, none, discard},
		{"watch", -2, outside, [3]int{1, -1, 1}, watch},
		{"unwatch", 1, noStore, none, unwatch},
		{"subscribe", -2, noStore | outside | inPubSub, none, subscribe},
		{"psubscribe", -2, noStore | outside | inPubSub, none, subscribe},
		{"unsubscribe", -1, noStore | outside | inPubSub, none, unsubscribe},
		{"punsubscribe", -1, noStore | outside | inPubSub, none, unsubscribe},
		{"publish", 3, noStore, none, publish},
		{"pubsub", -2, noStore, none, pubsub},
		{"eval", -3, write, none, eval},
		{"evalsha", -3, write, none, eval},
		{"script", -2, noStore, none, scriptCommand},
		{"info", -1, readOnly, none, info},
		{"config", -2, readOnly, none, configCommand},
		{"command", -1, noStore, none, commandCommand},
		{"time", 1, noStore, none, tellTime},
		{"memory", -3, readOnly, one, memory},
	}
}

func tellTime(c *client, _ [][]byte) {
	now := time.Now()
	c.w.Array(2)
	c.w.Text(strconv.FormatInt(now.Unix(), 10))
	c.w.Text(strconv.Itoa(now.Nanosecond() / 1000))
}

// memory is MEMORY USAGE: what a key counts against max_memory.
func memory(c *client, a [][]byte) {
	if !is(a[1], "usage") {
		c.w.Error(unknownSub(a))
		return
	}
	i := c.store.peek(c.key(a[2]))
	if i == nil {
		c.w.Null()
		return
	}
	c.w.Int(i.cost() + int64(len(a[2])) + 1)
}

// info is INFO: the sections that clients and monitoring read.
func info(c *client, a [][]byte) {
	s := c.server
	stats := c.store.mem.Stats()
	s.mu.Lock()
	clients := len(s.clients)
	s.mu.Unlock()
	var keyspace strings.Builder
	for db, n := range c.store.count {
		if n > 0 {
			fmt.Fprintf(&keyspace, "db%d:keys=%d,expires=0,avg_ttl=0\r\n", db, n)
		}
	}
	sections := []struct{ name, text string }{
		{"Server", fmt.Sprintf("redis_version:%s\r\nredis_mode:standalone\r\nholdfast_version:%s\r\nprocess_id:%d\r\nuptime_in_seconds:%d\r\n",
			redisVersion, s.opts.Version, os.Getpid(), int(time.Since(s.began).Seconds()))},
		{"Clients", fmt.Sprintf("connected_clients:%d\r\nmaxclients:%d\r\n", clients, s.config.MaxClients)},
		{"Memory", fmt.Sprintf("used_memory:%d\r\nmaxmemory:%d\r\nmaxmemory_policy:allkeys-lru\r\n", stats.Bytes, stats.MaxBytes)},
		{"Persistence", "loading:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n"},
		{"Stats", fmt.Sprintf("total_connections_received:%d\r\ntotal_commands_processed:%d\r\nrejected_connections:%d\r\n"+
			"expired_keys:%d\r\nevicted_keys:%d\r\nkeyspace_hits:%d\r\nkeyspace_misses:%d\r\n",
			s.counts.connections.Load(), s.counts.commands.Load(), s.counts.refused.Load(),
			stats.Expirations, stats.Evictions, stats.Hits, stats.Misses())},
		{"Replication", "role:master\r\nconnected_slaves:0\r\n"},
		{"Cluster", "cluster_enabled:0\r\n"},
		{"Keyspace", keyspace.String()},
	}
	var out []string
	for _, section := range sections {
		if len(a) == 1 || slices.ContainsFunc(a[1:], func(w []byte) bool {
			return is(w, section.name) || is(w, "all") || is(w, "default") || is(w, "everything")
		}) {
			out = append(out, "# "+section.name+"\r\n"+section.text)
		}
	}
	c.w.Text(strings.Join(out, "\r\n"))
}

// configCommand is CONFIG GET of what clients ask for; nothing can be set.
func configCommand(c *client, a [][]byte) {
	if !is(a[1], "get") || len(a) < 3 {
		if is(a[1], "set") || is(a[1], "rewrite") {
			c.w.Error("ERR settings are in the table [cache] of Holdfast's configuration")
		} else {
			c.w.Error(unknownSub(a))
		}
		return
	}
	settings := map[string]string{
		"maxmemory": strconv.FormatInt(int64(c.server.config.MaxMemory), 10), "maxmemory-policy": "allkeys-lru",
		"maxclients": strconv.Itoa(c.server.config.MaxClients), "databases": strconv.Itoa(databases),
		"timeout":    strconv.Itoa(int(c.server.config.IdleTimeout.D().Seconds())),
		"appendonly": "no", "save": "", "proto-max-bulk-len": strconv.FormatInt(c.server.maxValue(), 10), "notify-keyspace-events": "",
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if slices.ContainsFunc(a[2:], func(p []byte) bool { return match(lower(p), name) }) {
			found = append(found, name)
		}
	}
	c.w.Map(len(found))
	for _, name := range found {
		c.w.Text(name)
		c.w.Text(settings[name])
	}
}

// commandCommand is COMMAND with COUNT, INFO and DOCS.
func commandCommand(c *client, a [][]byte) {
	table := c.server.table
	switch {
	case len(a) == 1:
		c.w.Array(len(table))
		for _, name := range slices.Sorted(maps.Keys(table)) {
			c.describeCommand(table[name])
		}
	case is(a[1], "count"):
		c.w.Int(int64(len(table)))
	case is(a[1], "info"):
		c.w.Array(len(a) - 2)
		for _, name := range a[2:] {
			c.describeCommand(table[lower(name)])
		}
	case is(a[1], "docs"):
		c.w.Map(0)
	default:
		c.w.Error(unknownSub(a))
	}
}

func (c *client) describeCommand(cmd *command) {
	if cmd == nil {
		c.w.NullArray()
		return
	}
	flag := "fast"
	if cmd.flags&(readOnly|write) != 0 {
		flag = map[bool]string{true: "write", false: "readonly"}[cmd.flags&write != 0]
	}
	c.w.Array(6)
	c.w.Text(cmd.name)
	c.w.Int(int64(cmd.arity))
	c.w.Set(1)
	c.w.Simple(flag)
	for _, k := range cmd.keys {
		c.w.Int(int64(k))
	}
}

// Status is how the endpoint is.
type Status struct {
	Address     string         `json:"address,omitempty"`
	Socket      string         `json:"socket,omitempty"`
	Redis       string         `json:"redis,omitempty"` // the server that holds the keys in place of this process
	Clients     int            `json:"clients"`
	MaxClients  int            `json:"max_clients"`
	Connections int64          `json:"connections"` // since the start
	Refused     int64          `json:"refused"`     // of these, because there were too many
	Denied      int64          `json:"denied"`      // wrong passwords
	Commands    int64          `json:"commands"`
	Entries     int            `json:"entries"`
	Bytes       int64          `json:"bytes"`
	MaxBytes    int64          `json:"max_bytes"`
	Hits        int64          `json:"hits"`
	Never       int64          `json:"misses_never"`
	Expired     int64          `json:"misses_expired"`
	Evicted     int64          `json:"misses_evicted"`
	Expirations int64          `json:"expirations"`
	Evictions   int64          `json:"evictions"`
	Databases   map[int]int    `json:"databases"` // keys by number
	Prefixes    []PrefixStatus `json:"prefixes"`
}

// Status returns how the endpoint is.
func (s *Server) Status() Status {
	out := Status{
		Address: s.Addr(), Socket: s.config.Socket, Redis: s.config.Redis, MaxClients: s.config.MaxClients,
		Connections: s.counts.connections.Load(), Refused: s.counts.refused.Load(), Denied: s.counts.denied.Load(),
		Commands: s.counts.commands.Load(), Databases: map[int]int{},
	}
	s.mu.Lock()
	out.Clients = len(s.clients)
	s.mu.Unlock()
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	m := s.store.mem.Stats()
	out.Entries, out.Bytes, out.MaxBytes = m.Entries, m.Bytes, m.MaxBytes
	out.Hits, out.Never, out.Expired, out.Evicted = m.Hits, m.MissesNever, m.MissesExpired, m.MissesEvicted
	out.Expirations, out.Evictions = m.Expirations, m.Evictions
	for db, n := range s.store.count {
		if n > 0 {
			out.Databases[db] = n
		}
	}
	out.Prefixes = s.store.prefix.list()
	return out
}

// HitRate is the share of reads that were answered, 0 without any.
func (s Status) HitRate() float64 {
	return float64(s.Hits) / float64(cmp.Or(s.Hits+s.Never+s.Expired+s.Evicted, 1))
}

// Flush removes the keys of one database, or of all if it is negative, and returns how many there were.
func (s *Server) Flush(db int) int {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.version++
	if db < 0 {
		return s.store.mem.DeletePrefix("")
	}
	return s.store.flush(byte(db))
}

// Databases returns how many databases there are, numbered from 0.
func Databases() int { return databases }
