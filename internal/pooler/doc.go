// Package pooler is PostgreSQL's front door: clients log in to it as to PostgreSQL, with unchanged drivers, and share a
// bounded number of server sessions.
//
// # Vocabulary
//
//   - Endpoint: one listener, with a mode (session or transaction) and a target (primary or replica). One of mode direct has no
//     listener: it stands for a role that comes past the pooler, which is limited on the server itself (package rolelimit), and seen in
//     pg_stat_activity (package census).
//   - Session: one client that has logged in.
//   - Server: one session on PostgreSQL. A pool lends it to sessions.
//   - Group: the servers that may serve the same clients: one database, one role, one class, one endpoint, and for reads one
//     replica. Each group has a pool of its own (package pool).
//   - Route: where a set of databases is: hosts, and how they are reached. With several hosts a cluster (package cluster) says
//     which one is the primary.
//   - Worker: one event loop (package epoll). Sessions and servers live on a worker; whoever runs there owns them, so they
//     have no locks.
//
// # The way of a client
//
//	accept ─► login (a goroutine with a deadline): TLS, start-up, rules, proof, pool, greeting
//	      └─► session on a worker, without goroutine and without buffer while it is silent
//	              message ─► pool: a server now, or a ticket ─► settle (make the session the client's) ─► relay
//	              transaction over ─► back to the pool; client gone ─► reset, or cancel and close
//
// Package relay decides what happens to the bytes; here they only travel. A side that does not take what is written to it
// stops the reading of the other, so a slow client costs one buffer and nobody waits for it but its own server.
//
// # Identity
//
// A server session belongs to the role that the client logged in as: SCRAM leaves us keys with which the same person can be
// logged in at the server, and never the password. A rule may map people to one role instead; what they may do is then the
// role's, who they are is in the audit stream, and holdfast.person says it inside the session for convenience.
//
// # Waiting
//
// Every wait has a limit: a log-in LoginTimeout, a request for a server the pool's Timeout (53300), a primary that is away Hold
// (57P03), a cancel request ten seconds, an answer to a client that closed its side five. A request that is refused is
// answered where PostgreSQL would answer, and the session goes on.
//
// # The console
//
// Who logs in to the database "pgbouncer" or "holdfast" is a visitor: it has a goroutine, a place that does not count among
// MaxClients, and a session of package console instead of one on a worker. The tables that it sees are read from atomic numbers and
// from pools; what belongs to a worker is looked at there, by a posted function, some hundred things in a round, for at most two
// seconds. Nothing that is shown costs the relay more than an addition at the end of a query or a transaction, and no time is read
// from the clock for it: durations are those between two rounds of a worker.
//
// # Failure
//
// A server that breaks while a client uses it ends that client with FATAL 08006: nobody else can know what of its transaction
// happened. A client that is between transactions in transaction mode, or has not asked yet, notices nothing. An answer
// that nobody asked for ends both connections, is logged as an error and counted in holdfast_pooler_out_of_step_total, which
// is to be 0 for ever.
//
// A cancel request is sent to a server only while that belongs to the client that is meant, and the server is not lent to
// anybody else before the request has arrived.
package pooler
