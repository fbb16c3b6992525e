// Package pgauth decides who may log in to PostgreSQL through Holdfast. It sees no wire: the driver of a session hands it
// an [Attempt], runs the exchange that the [Decision] asks for, and tells how it went.
package pgauth
