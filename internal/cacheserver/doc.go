// Package cacheserver answers the Redis commands that framework caches use, from memory.
//
// It is off unless enabled. It speaks RESP2 and RESP3 on an address of this machine, where a password is asked for, and on a
// private Unix socket, where the file's mode is the lock. docs/operate/cache.md lists the commands, and what this is not: a
// store, or a broker for queues.
//
// # Guarantees
//
// Commands are executed one after the other, each whole, and those of a transaction without others in between: one lock is held
// while a command or a transaction runs. WATCH compares versions: a write, an end or an eviction of a watched key fails the
// transaction. Keys end to the millisecond.
//
// Memory is bounded: all values by max_memory (package cache: those used longest ago go first), one value by max_value, clients
// by max_clients, a command by the size of two values, commands under way by the size of all of them, a queued transaction as
// a command, a reply and what a subscriber has not read yet by constants of this package. Large values are shared by all who read
// them. Waits are bounded: for the log-in, for the rest of a command, for a client that does not read.
//
// Scripts are not interpreted. The few that release and extend locks are known by the digest of their text (script.go), and do
// in Go what they say.
//
// # Relay
//
// With redis set the package holds nothing: a client logs in here, then its connection is joined with one to that server, which
// was logged in with its own password. That is the way for several machines.
//
// # Failure
//
// A restart loses everything, as the memory of a cache may. A client that breaks a bound gets an error that names it; where the
// stream cannot be read on, the connection is closed.
package cacheserver
