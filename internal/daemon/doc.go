// Package daemon is the process of "holdfast serve": it builds every part, starts them in order, and stops them in
// reverse. It is the only package that knows all features and all adapters, so what plugs into what can be read here
// and nowhere else.
//
// # Order
//
// state, database, pooler, store, index, files, s3, node, edge, admin: see steps in daemon.go. Each is ready before the next one
// begins, so whatever a part needs exists when it starts. A part that fails is named in the error, and what already
// runs is stopped again.
//
// # Ready, and the end
//
// When all parts run, systemd is told READY=1 (sd_notify(3)). SIGTERM, SIGINT or "holdfast stop" begin the end: /readyz answers
// 503, and who asks there has admin.stop_notice to send requests elsewhere; then pooler, edge and s3 close, and requests under
// way have [Drain] to finish; then the rest stops, PostgreSQL of our own last. A second signal ends the process at once, which loses nothing that was acknowledged.
//
// # One store for one database
//
// Any number of daemons may share a database, if they share the store as well (S0-38). The id of the store is noted in
// the database by the first of them; one that finds another store, or an empty directory where the store should be,
// does not start. A store is made only for a database that has none.
//
// # One daemon for one state
//
// A lock on <state>/lock keeps a second daemon off the same state directory. The kernel lets go of it however the
// process ends.
//
// # Taking over
//
// "holdfast serve --takeover" takes the listeners of the process that uses the same state (package handover). That one ends as in
// an ordinary stop, but for the pooler's clients: they, the connection to the database, the log-in and the audit stream stay until
// the last client has left, or their time is over. The lock goes back before that, and the new process, which waits for it, starts
// with the inherited listeners and accepts when all of it runs; who connects meanwhile waits in the backlog. Both append to one audit
// file, which package audit is made for. A cancel request for nobody here goes to those who linger, by the sockets
// draining-PID.sock in the state directory; a stop ends them by the same way.
//
// If the new process ends before it is ready, the old one starts again: a second Daemon in the same process, on duplicates of the
// listeners, beside the first, which has the clients that stayed. So nothing of a Daemon may be global.
package daemon

//go:generate go test -run ^TestThePageOfMetricsIsFresh$ -update .
