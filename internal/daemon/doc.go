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
package daemon

//go:generate go test -run ^TestThePageOfMetricsIsFresh$ -update .
