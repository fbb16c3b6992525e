// Package scram is both sides of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as PostgreSQL speaks them (RFC 5802, RFC 7677;
// channel binding tls-server-end-point of RFC 5929). It makes and reads the messages; it opens no socket.
//
// # Vocabulary
//
//   - Verifier: what a server keeps of a password, the text "SCRAM-SHA-256$4096:…" in pg_authid; here [Keys]. It proves
//     that a client knows the password, and proves to the client that the server knows the verifier. It does not let
//     its holder log in.
//   - Client key: what a client makes of the password for one salt and iteration count. Who holds it can log in
//     wherever the same verifier is in force. A [Server] learns it from a successful exchange, so that the same person
//     can be logged in one hop further without the password: [Server.ClientKey], [Credential].
//   - Binding: the digest of the TLS server's certificate. Both sides mix it in, so that an exchange cannot be carried
//     over from a connection that somebody else ends.
//
// # Course
//
//	server                                       client
//	s.Mechanisms() ─────────────────────────────→ c.Mechanism(offered)
//	s.First(mechanism, m) ←────────────────────── m := c.First()
//	        └─ m ───────────────────────────────→ c.Final(m) ─┐
//	s.Final(m) ←──────────────────────────────────────────── m
//	    └─ m ───────────────────────────────────→ c.Verify(m)
//
// # Guarantees
//
//   - Secrets are compared in constant time, and a [Mock] verifier takes the same path as a real one up to the last
//     comparison.
//   - Nonces have 18 bytes from the system's randomness, so a message from another exchange is of no use.
//   - A message is at most 1024 bytes from a client and 4096 from a server, an iteration count at most a million: what
//     an unknown peer can make us compute is bounded.
//   - A client that can bind and is told that the server cannot says so ("y"), and a server that offered binding
//     refuses that: somebody between them took the offer away.
//   - Passwords are prepared as PostgreSQL prepares them, see [NewVerifier].
//
// # Failure
//
// [ErrProof] is a wrong password (SQLSTATE 28P01), [ErrBinding] a channel binding that does not fit (28000), and
// [ErrMessage] a message that breaks the protocol (08P01). No error repeats what a message held.
package scram
