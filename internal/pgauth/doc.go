// Package pgauth decides who may log in to PostgreSQL through Holdfast. It sees no wire: the driver of a session hands it
// an [Attempt], runs the exchange that the [Decision] asks for, and tells how it went.
//
//	Attempt ── Decide ──► rule ──► scram, scram-plus: Keys, SCRAM by the driver ── Finish(err) ──┐
//	            │                  ldap: the password in clear ── Password(ctx, text) ───────────┼──► session ── Close
//	            │                  cert, peer, trust: nothing ── Finish(nil) ────────────────────┘
//	            └─► *Denied
//
// # Vocabulary
//
//   - Rule: for whom, from where, by which proof. The first that matches decides; who matches none is refused.
//   - Source: whoever knows verifiers. They are asked in this order, and the first that knows the user decides: users of
//     the configuration, the file, sources of other features, the query to the database.
//   - Person: who it is, for records and fair sharing; Class: what sort of person, for limits. Neither needs to be a role
//     of PostgreSQL: ServerUser says to which role the server session belongs.
//   - Generation: a number that grows with every change of a credential.
//
// # Guarantees
//
// A client cannot find out who exists. An unknown user gets keys made up from the name, with a salt that stays the same;
// an answer of "unknown" is kept as long as any other; the waits after failures are the same; and in a directory a user
// who is not there takes as many steps. Only who proved to know a password is told that it has expired, or that the role
// may not log in. What is left: the file is looked at before the database is asked, so that where both are in use, the
// time of a first attempt can tell a user of the file from others.
//
// Passwords of clients are not kept, and the directory checks its own. One that stands in clear in the configuration or
// the file stays in memory, because the server's session needs it: [Decision.KnownPassword]. A client is asked for one
// in clear only inside TLS or by Unix socket, and it is never sent to the directory in clear but on this machine. An empty
// one never reaches the directory, where it would succeed as a bind of nobody.
//
// Text from a client is a value wherever it goes: the parameter of a statement, and escaped in filters and names of
// entries. The connection that asks the database has none of a client's parameters: [Querier] is the caller's, and
// our own statement needs no search path.
//
// # Changes
//
// For users with a session, who are those between Finish and Close, each source is asked again every query_ttl. A changed
// verifier, a role that may not log in any more, a password that expired and a user who is gone are told to those who
// [Authenticator.Subscribe]; sessions with a lower generation are to end then. The file is looked at every second. What
// the directory says of a person is asked at log-in only: it has no way to tell later.
//
// # Failure
//
// A source that does not answer refuses with 57P03 and not with "wrong password", is no failure of the user, and raises
// the finding auth_query or auth_ldap. A file that is broken or gone leaves the users as they were (finding auth_file);
// only Start needs a whole one. Errors of the directory have the code of what failed: ldap_connect, ldap_tls,
// ldap_certificate, ldap_bind (of search_dn), ldap_search, ldap_group, ldap_busy.
package pgauth
