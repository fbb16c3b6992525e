// Package census counts who holds database connections, multiplies what they may come to hold, and says what follows.
//
// # Vocabulary
//
//   - Connection: one client of PostgreSQL, or of the pooler.
//   - Holder: the connections of one role and application from one address.
//   - Question: what is known of an application: its processes, the pool of each, the server's limits, the pooler's.
//   - Advice: the products written out, the mode that suits, and remarks, each with evidence, consequence and fix.
//
// # Where it looks
//
// PostgreSQL's own connections are in pg_stat_activity. It names role, database and application of everybody, but address and
// state only of the roles that the asking role is a member of, or to members of pg_read_all_stats; what is hidden is said.
// The pooler's connections to PostgreSQL are left out there: its clients are counted in their place.
//
// PostgreSQL does not know its clients' processes. Those on this machine are found as ss(8) does: the port leads to an inode in
// /proc/net/tcp, the inode to the process that has it among its descriptors, as far as we may look. Of other machines, and of a Unix
// socket that leads past the pooler, connections are counted and processes are not known.
//
// The package decides nothing for anybody: neither mode is the better one, and an advice says what it is based on.
package census
