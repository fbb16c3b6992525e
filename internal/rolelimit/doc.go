// Package rolelimit sets on PostgreSQL's roles what PostgreSQL itself is to enforce: time limits and a number of connections,
// for applications that connect without a hop.
//
// # Vocabulary
//
//   - Limit: what one role is to have in one database. Times are ALTER ROLE … IN DATABASE … SET, so the same role is free in other
//     databases; the number of connections is ALTER ROLE … CONNECTION LIMIT, which PostgreSQL has for the whole server.
//   - Mark: a row in Holdfast's schema that says what was set, and what was there before.
//   - Trouble: a statement that Holdfast may not execute, or that failed. A person can.
//
// # Guarantees
//
// Only what Holdfast set is taken back, and only while it still is what Holdfast set: whoever changed it since has the last word. What was
// there before returns. What somebody else had set to the wanted value already gets no mark and is never taken back. All processes
// of an installation may apply at once; an advisory lock orders them. A statement and its mark are one transaction.
//
// # Who may do it
//
// Each role may set its own times. CONNECTION LIMIT, and other roles' times, need CREATEROLE (with ADMIN OPTION on the role since
// PostgreSQL 16) or a superuser: on a private server Holdfast has one, on an attached one the refusal becomes a Trouble with the
// statement to execute. A session that sets a time limit for itself is stronger than the role's: limits keep honest programs
// honest. Superusers are not bound by CONNECTION LIMIT.
package rolelimit
