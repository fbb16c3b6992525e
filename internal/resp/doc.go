// Package resp reads and writes the protocol of Redis, RESP2 and RESP3 (redis.io/docs/reference/protocol-spec): bytes in and
// out, no sockets.
//
// A [Reader] reads the commands of clients, within [Limits]: what a client announces is never allocated before it arrives, and
// a command beyond the limits is an error that names the limit, after which the stream cannot be used any more. A [Writer]
// collects replies, in the form of the protocol that the client chose with HELLO. [ReadReply] reads replies, for those who are
// a client themselves.
//
// There are libraries for servers of this protocol; the usual one for Go speaks RESP2, bounds no command, and runs its own
// connections, so nothing of it would be left here.
package resp
