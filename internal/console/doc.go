// Package console is the virtual database "pgbouncer" (and "holdfast"): the tables and commands with which people,
// exporters and scripts look at the pooler and steer it, in the words that they know from PgBouncer.
//
// # Vocabulary
//
//   - A [Source] is the pooler as the console sees it: small interfaces that return plain rows, and take commands.
//   - A [Session] is one client that has logged in to the console. It speaks the simple and the extended protocol, so
//     every driver can use it, and owns no socket: it reads messages from a pgwire.Reader and writes to an io.Writer.
//   - An [Identity] is who that client is. Administrators may do everything; the others may only SHOW.
//
// # Tables
//
// Every table is data: a list of columns, each with its name, its type and the function that takes it from a row. The
// columns of PgBouncer stand first, with the names, the order and the types that its newest version gives them; columns
// of our own stand behind them, so that a program which reads by name or by position finds what it expects.
//
// # Commands
//
// A command takes effect at once. BEGIN, COMMIT and ROLLBACK are accepted because drivers send them and a transaction is
// reported as open in between, but nothing is taken back by a ROLLBACK. PAUSE, SUSPEND and WAIT_CLOSE answer when they
// are done; [Session.Cancel] ends the wait.
//
// # Failure
//
// A command that cannot be understood is 42601, one that needs an administrator 42501; what a Source answers keeps its
// SQLSTATE if it has one, else gets it from the kind of the fault. In the extended protocol an error is followed by
// silence until Sync, and one ReadyForQuery. A message that breaks the protocol ends the session.
package console
