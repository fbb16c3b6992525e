// Package pgwire knows PostgreSQL's messages, protocol 3.0 and 3.2: bytes in, bytes out. It opens no socket, holds no
// state of a session and knows nothing of what messages mean to each other: that is the work of package relay.
//
// # Vocabulary
//
// The names are those of the PostgreSQL manual, chapter "Frontend/Backend Protocol": a frontend is a client, a backend
// a server. A message is a type byte, a length word that counts itself and not the type, and a body. A start-up packet
// is what stands first on a connection; it has a length word and no type. Letters of both sides overlap, hence
// [FrontendType] and [BackendType].
//
// # Shape
//
//   - Append functions take a slice and return it with one whole message behind what it held.
//   - Parse functions take a body, without its header, and return parts of it. They allocate nothing, unless their
//     comment speaks of copies. Whoever keeps a part beyond the life of the body copies it.
//   - [Header] is all that forwarding needs; [Reader] is the blocking way, for log-in, console and tests.
//
// # Guarantees
//
//   - Parsers take any bytes. They read all of the body: a byte too few or too many is a *[ProtocolError]. No length
//     from the wire is believed before that many bytes are there, and memory is bounded by a multiple of the body.
//   - Builders make messages that keep their shape whatever text they are given: a NUL inside of a string ends it.
//     A message longer than a gigabyte is the caller's mistake; Header on the other side refuses it.
//   - What a builder made, the parser reads as the same values.
//
// # Failure
//
// A *ProtocolError ends the connection, for nobody knows where the next message begins. It carries the SQLSTATE for a
// last ErrorResponse, and repeats nothing of a body, except names from start-up options.
package pgwire
