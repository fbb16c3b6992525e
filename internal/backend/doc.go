// Package backend opens sessions on PostgreSQL servers and keeps them fit for use: one [Conn] is one session on a raw
// socket, logged in. What travels on it afterwards is its owner's business.
//
// # Opening
//
// [Dial] resolves the name anew, connects, asks for TLS as libpq does ([TLSMode]), logs in with SCRAM-SHA-256 (bound to the
// TLS connection where that can be), and returns at the first ReadyForQuery. One limit, Target.ConnectTimeout, bounds all of
// it. MD5 passwords are refused; clear-text ones are sent only inside TLS, and only if the settings say so.
//
// # Difference to libpq
//
// The modes allow and prefer try the other way only when pg_hba.conf refused the first one, or TLS itself failed: a wrong
// password is not tried twice. The words of an error that comes before TLS are not shown: nobody vouches for them.
//
// # Using
//
// A Conn never reads ahead: after Dial, Exec, QueryRow, Check, Reset and Dead the next byte on [Conn.NetConn] is the first of
// a message. Who relays messages tells the Conn what it saw ([Conn.SetParam], [Conn.SetStatus]), so that it can be handed on.
//
// # Failure
//
// Errors are [*Error]: the server's SQLSTATE and words, and whether it is any use to try again (Permanent). After a broken
// connection or a breach of the protocol the session is lost, Err says why, and Dead is true for good. What answers but is no
// PostgreSQL is told so by its first bytes.
package backend
