// Package pgtest runs real PostgreSQL servers for tests. Only tests import it.
//
// # What there is
//
//   - [Server]: the one server of a test binary, started when it is first asked for.
//   - [Database]: a fresh database on it, dropped when the test passed, kept and printed when it failed.
//   - [Cluster]: a server of its own for a test that changes pg_hba.conf or settings, or kills PostgreSQL.
//   - [Replica]: a streaming replica of such a server, which can be promoted.
//   - [Main]: for TestMain; stops the shared server and looks for leaked goroutines.
//
// # How it is made fast
//
// initdb runs once for each PostgreSQL version and harness [revision]; the result is kept in the user's cache directory
// and copied for each server (about 24 MB). The program postgres is our direct child, so its end is seen at once and its
// log is ours. fsync is off unless [Durable] asks for it.
//
// # What is different from a usual server, on purpose
//
// The default collation is a linguistic one (ICU "und") where PostgreSQL can do it, so that a query that counts on byte
// order without saying COLLATE "C" fails here and not at the first user who has en_US.UTF-8.
//
// # Death
//
// The server is sent SIGQUIT by the kernel when the test binary dies, whatever killed it (a parent-death signal belongs
// to the thread that forked, so that thread is kept for as long as the server lives). Directories are called hfpg-* and
// hold a locked file "owner"; the first server of the next run removes those whose lock is free. A directory that holds a
// file "kept" is left for a day.
//
// Started by root, the servers run under the account postgres, or nobody.
package pgtest
