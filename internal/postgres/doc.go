// Package postgres is Holdfast's own way to PostgreSQL: connect, migrate, listen, ask who is primary, and run a private
// server.
//
// # Vocabulary
//
//   - Attached: the server is somebody else's. We connect to it, and own nothing of it but the schema of [Config].Schema.
//   - Private: the server is ours ([PrivateServer]): created by initdb, started and stopped by us, reached by its Unix socket.
//   - [DB]: a bounded pool of connections to one database.
//   - Component: a part of Holdfast with tables of its own, as "objects"; each has its own list of migrations.
//
// # Every wait has a limit and a name
//
// Connecting is bounded by connect_timeout as a whole (all addresses, TLS and the login included), waiting for a free
// connection by options.pool.timeout, a statement by statement_timeout (30 s), a lock by lock_timeout (10 s), and a
// transaction that nobody goes on with by idle_in_transaction_session_timeout (60 s). The server enforces the last
// three, so they hold even if we hang. What ran out is told by the code of the error: database_timeout, pool_timeout,
// statement_timeout, lock_timeout. Whatever listens on the port and does not speak PostgreSQL is told from the first
// bytes it says, not from a timeout.
//
// # Migrations: how to write them
//
// Each component has a directory of files 00001_word.sql, in goose's form (a comment "+goose Up", "+goose StatementBegin" and
// "StatementEnd" around function bodies), which is embedded and handed to [DB.Migrate]. They only go forward.
//
// The name of the schema is a setting, so **migrations name no schema**: Migrate creates it and runs them on a connection
// whose search_path is that schema alone (pg_catalog is always searched, first). A table is CREATE TABLE objects (…), and
// lands in the right place. A function keeps no search_path by itself: end its declaration with
//
//	SET search_path FROM CURRENT
//
// which stores the one of the migration with the function, so its body needs no schema either, and no caller's
// search_path can lead it astray (which matters for SECURITY DEFINER).
//
// **At run time nobody relies on search_path**: statements name the schema, as in "SELECT … FROM " + db.Schema() +
// ".objects". [DB.Schema] is quoted where it has to be. Pooled connections have an empty search_path, so that a statement
// that forgets the schema fails in its first test and not at the first user whose role has another default.
//
// Text that is compared, sorted or indexed in byte order says COLLATE "C": the database's collation is not ours to choose.
//
// Processes that start together take turns by an advisory lock of the session; a process whose binary knows fewer
// migrations than the database has refuses to run (schema_newer). A migration runs in one transaction together with
// the record of its version, so a crash leaves it done or not begun. There is one table of versions for each component:
// migrations_COMPONENT.
//
// # Who is primary
//
// [DB.Role] asks the server each time and remembers nothing: pg_is_in_recovery, timeline and version in one round trip.
//
// # Listening
//
// A [Listener] holds one connection for any number of channels. PostgreSQL keeps no notification for who is away, so after
// every (re)connect, once LISTEN is in force, it calls Resync of each subscription: reload there what notifications
// would have told. A connection that is silently dead is found within about 35 s by asking it a question.
//
// # Who else is here
//
// A [Sole] tells whether this process is the only Holdfast on the database: then nobody else can have written, and what was
// read may be remembered. Its comment says how it stays true when connections and processes die.
//
// # The private server
//
// Layout of the directory it is given ([Place].Dir, <state>/postgres, 0711, ours): data/ (0700, the server's account's), run/ (the
// socket; 0755: the application runs under another account, and scram-sha-256 guards the door), holdfast.conf and
// pg_hba.conf (written at every start, where the server's account cannot change them), lock (held while a Holdfast owns the
// server). Passwords are in two files of 0600 beside Holdfast's other secrets, for the superuser and for the application's
// role. Started by root, the server runs as postgres, or nobody, and is given exactly data/ and run/.
//
// Creating is made whole or not at all: initdb works in data.building-*, which is renamed when it is complete. The locale is
// C.UTF-8: the same order on every machine, whatever its C library (from 17 on PostgreSQL's builtin provider).
//
// There are never two servers on one directory. The lock is held for as long as we live; PostgreSQL guards its directory by
// postmaster.pid and its shared memory. When we find a postmaster (or orphaned backends) of a Holdfast that is no more, it is
// told to shut down and waited for, and then our own is started. A postmaster gets SIGINT (fast shutdown) from the kernel when
// we die.
//
// When the server ends without being told to, the error is reported, and it is started again after 0.1 s, then twice that, up
// to 30 s. A data directory of another major version is never touched: the error says how to upgrade.
//
// # Failure
//
// Errors that an operator can act on are fault.Errors with a code and a hint ([Explain] makes them from the driver's). No
// error and no log line holds a password; the private server is told never to log statements.
package postgres
