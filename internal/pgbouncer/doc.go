// Package pgbouncer reads the configuration of PgBouncer and says it in Holdfast's words.
//
// # Vocabulary
//
//   - The configuration is an ini file with the sections databases, users, peers and pgbouncer, the files that it
//     includes, a list of users (auth_file), rules (auth_hba_file) and maps of names (auth_ident_file).
//   - A setting is carried over when Holdfast has one that does the same. What becomes of each setting stands in one
//     table, in mapping.go, which also knows the names that Holdfast accepts as aliases ([Aliases]).
//   - A [Remark] names a setting that is not carried over, or not exactly, and why.
//
// # Guarantees
//
//   - The output is TOML whose keys are all in the table. It holds no secret: passwords are named by the file that they
//     belong into. A list of users is read for the kinds of its secrets and not for the secrets.
//   - Nothing is left out silently: every setting that was written is carried over or named.
//   - Who may log in never becomes more than it was. A rule that cannot be said exactly is left out when it lets
//     somebody in, and said more strictly when it refuses.
//   - PgBouncer's defaults that Holdfast does not share are written out.
//
// # Failure
//
// A file that is missing or that PgBouncer itself would refuse is an error with file and line. A value that cannot be is
// a remark.
package pgbouncer
