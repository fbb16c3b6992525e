// Package pooler is PostgreSQL's front door: clients log in to it as to PostgreSQL, and share a bounded number of server
// sessions.
package pooler
