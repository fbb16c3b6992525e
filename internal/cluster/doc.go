// Package cluster knows which of several PostgreSQL servers is the primary and which replicas are fit to be read, and says so
// when that changes. It asks the servers; it promotes nobody and votes on nothing: that is the business of whoever owns the
// cluster (Patroni, CloudNativePG, an administrator).
//
// # Vocabulary
//
//   - Host: a name or address where a server is found. A name is resolved anew at each connection, so services such as
//     CloudNativePG's -rw and -ro are hosts, too: then what is known of -ro is what the server said that answered.
//   - Check: one question to one host, on a connection that is kept open: in recovery or not, timeline, positions in the WAL,
//     when the server started, the identifier of its cluster. Every Interval; several times a second while there is no primary;
//     at once when somebody is suspicious ([Cluster.Suspect]).
//   - Timeline: the number of the history that a server is in. Each promotion begins a new, higher one.
//   - Lag: what the primary had written when a replica was asked, and the replica had not replayed. In bytes; in time it is
//     the age that the replica tells, kept within the bounds of what the primary's own positions allow, so that clocks that
//     differ do no harm.
//
// # Guarantees
//
// There is one primary or none. It is not in recovery, it is on the highest timeline that any host has shown since the start,
// and no other server is so, too: two primaries on one timeline (split brain) are none, until one is gone. A primary on an
// older timeline, or a replica that has not reached the newest one, is stale and gets no connections. A server whose cluster
// has another system identifier is a stranger; the identifier is that of the majority at the start, for good. [Cluster.Forget]
// takes back what was learned, for an administrator who knows better.
//
// # Failure
//
// A host that refuses connections, or shuts down, is down at once. One that does not answer in time is down after Misses
// checks: a busy server is not a dead one. One that is full (53300) is known to live, and keeps the role that it had. While
// there is no primary, lags stay what they last were: nothing is written that we could know of.
//
// A check needs no privilege. The role pg_monitor shows at once which timeline a replica receives; without it, replicas are
// stale for some minutes after a failover.
package cluster
