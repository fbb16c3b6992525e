// Package relay decides what happens to the bytes between one client and one PostgreSQL server session. It does no input
// or output itself: bytes go in, bytes come out, so that it can be tested, fuzzed, and driven by any kind of loop.
//
// # Vocabulary
//
//   - [Client]: the protocol state of one client, for as long as it is connected.
//   - [Server]: the protocol state of one server session, for as long as that lives. Clients come and go.
//   - Attached: a client has a server. In session mode from its first message on, in transaction mode while a transaction
//     lasts.
//   - Expected: an answer that the server owes. Each message that is answered puts an entry into the server's queue, and
//     each answer takes one out. The queue is the heart of the package.
//   - Hidden: an answer to something that the client did not ask; it is swallowed. Made: an answer that the server is
//     never asked for, because the pooler knows it; it takes its place in the queue all the same, so order is kept.
//   - Pinned: a client in transaction mode that made state which cannot be carried to another server (a temporary table,
//     LISTEN, an advisory lock of the session, a cursor WITH HOLD …) keeps its server until it lets go of that.
//
// # The rule
//
// A server is given back only when it owes nothing, says that it is idle, and stands at a synchronisation point. Every
// answer must be one that the head of the queue allows. When one is not, nobody can say whose rows these are:
// [ErrOutOfStep] ends both connections. Nothing is ever resynchronised in silence.
//
// # What is looked at
//
// Headers. Bodies are skipped by arithmetic, over as many reads as they take, and bytes that nobody rewrites are handed on
// as the slice they came in ([Out]). Only these are read: of a client, in transaction mode, Parse, the names in Bind,
// Describe and Close, and the text of Query, for words that make state (no parser, [Words]); of a server ReadyForQuery,
// ParameterStatus, ErrorResponse, and the first bytes of CommandComplete. A message that must be read whole and is not there
// whole is left where it is: the caller comes again with more bytes.
//
// # Prepared statements in transaction mode
//
// A named statement is known to the [Registry] by its text, its parameter types and the settings that planning depends on,
// and has one name there, "holdfast_N", under which any server may have it. Bind and Describe are rewritten to that name;
// a server that has not seen it gets the Parse first, hidden. The server's list is bounded: the one unused for longest is
// closed, hidden, but never one that the running transaction used, for its portals would be closed with it. The unnamed
// statement is remembered as the bytes of its Parse and sent again when the next server has another one.
//
// A Parse that fails takes its entries back. DISCARD ALL and DEALLOCATE ALL are recognised by their command tags and empty both
// lists; a message that may contain them holds back the next until it is answered. A Parse of a name that the client has
// already is answered as PostgreSQL would, 42P05: the server is given something that must fail, so that its transaction
// fails too, and the error is replaced.
//
// # Settings in transaction mode
//
// What the server reports (ParameterStatus) is the client's state and is made equal on the next server. What it does not
// report is followed by the text of simple SET commands. [Client.Settle] says what has to be run on a server before a client
// may use it, hidden; nothing when the last client had the same.
//
// # COPY
//
// While the server takes COPY data it ignores Sync (PostgreSQL manual, "COPY Operations"), so a Sync that was sent before the
// end of the data owes no answer. After an error the client may go on sending data; a server that is idle ignores it, and a
// client without a server has it dropped.
package relay
