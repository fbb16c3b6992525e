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
//     LISTEN, an advisory lock of the session, a cursor WITH HOLD …) keeps its server until it lets go of that. After words that let
//     go of one thing (UNLISTEN, CLOSE, DROP …) the server is asked, hidden, whether anything remains: [Client.Question].
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
// ParameterStatus, ErrorResponse, and CommandComplete. A message that must be read whole and is not there whole is left where
// it is: the caller comes again with more bytes. For an [Observer] the texts are read in session mode, too.
//
// What a statement does to the session (a setting, a pin) is noted when its answer comes, in the order of the answers: what is
// skipped because of an error did nothing.
//
// # Prepared statements in transaction mode
//
// A named statement is known to the [Registry] by its text, its parameter types and the settings that its meaning or its plan
// depends on (those that are reported, such as DateStyle, because constants are computed when a text is parsed), and has one name
// there, "holdfast_N", under which any server may have it. Bind and Describe are rewritten to that name, and errors back to the
// client's; a server that has not seen it gets the Parse first, hidden. The server's list is bounded: the one unused for longest
// is closed, hidden, but never one that the running transaction used. The unnamed statement is remembered as the bytes of its
// Parse and sent again when the next server has another one; a client that has none finds none.
//
// Nobody knows whether a message happened before it is answered: after an error the server skips all up to Sync. So what
// Parse and Close did is taken back in reverse order, and a message that names a statement waits while a Sync is unanswered
// before which names were given or taken. DISCARD ALL and DEALLOCATE ALL are recognised by their command tags and empty both lists; a
// message that may contain them holds back the next until it is answered. A Parse of a name that the client has
// already is refused by the server itself, which gets it under a name that is taken; the error gets the client's name. DEALLOCATE of
// a client's statement takes away another one in its place. When the server does not know a statement that it should have, it gets it again.
//
// # Tables that change under prepared statements
//
// PostgreSQL refuses to go on with a prepared statement whose result has other columns by now (0A000), because drivers remember the columns.
// Here servers share statements with many clients, so that is made true of each client by itself, whoever changed the table, and where:
//
//   - Who has prepared after the change never sees that error. A server's statement that was not seen to work since the client's own Parse
//     may be too old for it. Its first use is a trial: when it fails, the server is given the statement anew, and the use again, unseen. That is
//     for what is the first of its transaction; anywhere else the statement is given anew beforehand.
//   - Who was told the columns before the change sees that error once, though the server's statement may be a new one: the client's shape is
//     compared with the server's. Where that is not known yet, it is asked for and the client waits.
//   - Who asks for a description in the same breath, as libpq does, knows nothing that could be wrong, and sees no error between transactions.
//
// When a server says 0A000, every server prepares the statement anew before its next use.
//
// # Settings in transaction mode
//
// What the server reports (ParameterStatus) is the client's state and is made equal on the next server. What it does not
// report is followed by the text of simple SET commands, from the end of the transaction that made them. [Client.Settle] says
// what has to be run on a server before a client may use it, hidden; nothing when the last client had the same. A setting that
// cannot be followed (several statements in one text, set_config for the session, savepoints) pins the client.
//
// # COPY
//
// While the server takes COPY data it ignores Sync (PostgreSQL manual, "COPY Operations"), so a Sync that was sent before the
// end of the data owes no answer, unless the COPY failed before the server read it. Which of the two it was shows with the next
// answer; until then the server is not given back. After an error the client may go on sending data; a server that is idle
// ignores it, and a client without a server has it dropped. Any other message ends the COPY and the session: for one that the relay
// answers itself the server gets a Close of nothing, which does.
//
// # Limits in transaction mode
//
// For those who use it they stand in docs/operate/pooler.md.
//
//   - State that functions and DO blocks make is not seen: SET, temporary tables, advisory locks or DEALLOCATE in their text. Nor is
//     what sequences remember (currval, lastval), nor a text in an encoding whose letters may end with a backslash (Shift JIS, GBK, Big5).
//   - A setting of an application, with a dot in its name, is an empty string where it was reset on that server, and not NULL.
//   - RESET leads to the server's value until the transaction ends, and only then to that of the client's log-in. In session mode
//     SET TO DEFAULT leads to the server's and stays there.
//   - A Parse of a statement that the server has succeeds unasked, even if its table is gone by now; Bind then fails.
//   - What a client was told of the types of parameters is not compared with what they are after a change. A SET LOCAL search_path is not
//     seen to change a result: 0A000 may then come to a client that made no such setting.
//   - A statement is parsed anew when the settings that it depends on have changed, so that constants in it mean what they mean now.
//   - In a transaction that has failed, a statement that the server lacks fails with 25P02 whatever else is wrong with its use.
//   - Statements prepared by Parse have no SQL names: EXECUTE does not know them, nor DEALLOCATE in a text of several statements or
//     in one that is itself prepared under a name, or was parsed or bound when they were not there yet. Names that differ only after 63 bytes are different. Names that begin with
//     "holdfast_" are as good as others, but SQL can reach the servers' own by them and harm its own pool.
//   - A named Parse of more than 1 MiB pins. An unnamed one keeps the server until it was bound once.
//   - Of more than 8 unnamed statements in one pipeline that are all skipped, none before them comes back.
//   - A Sync sent right after the Execute of a COPY FROM STDIN that fails at once: what follows without waiting is skipped.
package relay
