package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// failure says what a failed check tells of the server.
type failure uint8

const (
	gone   failure = iota // it refuses connections, shuts down, or lets us not in: down at once
	silent                // no answer in time: it may be busy
	full                  // it lives, and has no connection left
)

// isDenied reports whether a server refused the log-in: class 28, invalid authorization specification.
func isDenied(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, "28")
}

// classify judges the error of a check.
func classify(err error) failure {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch {
		case strings.HasPrefix(answer.Code, "53"): // insufficient resources: too_many_connections
			return full
		case answer.Code == "57014": // query_canceled: a statement_timeout of the role
			return silent
		}
		return gone
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		if lookup.IsNotFound {
			return gone
		}
		return silent
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout() {
		return silent
	}
	return gone
}
