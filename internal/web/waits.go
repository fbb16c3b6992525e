package web

import (
	"holdfast/internal/lifecycle"
	"holdfast/internal/limit"
)

// Waits are the waits for the other end of an HTTP connection, which nobody can set.
func Waits() limit.Waits {
	return limit.Waits{
		limit.After("the header of a request", "", lifecycle.DefaultReadHeaderTimeout, "408, or connection closed"),
		limit.After("more of a request's body", "", Stall, "connection closed"),
		limit.After("a client that takes nothing of the answer", "", Stall, "connection closed"),
		limit.After("the next request on a connection", "", lifecycle.DefaultIdleTimeout, "connection closed"),
	}
}
