package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"

	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

var (
	// errNotRunning is what is told before Start and after Stop.
	errNotRunning = unavailable("index", errors.New("not running"))
	// errQueue is what is told to who waited in a queue for as long as anybody may.
	errQueue = unavailable("wait for the database", context.DeadlineExceeded)
)

// unavailable returns an error that is ErrUnavailable, with its cause.
func unavailable(op string, cause error) *fault.Error {
	hint := fault.HintOf(cause)
	if hint == "" {
		hint = ErrUnavailable.Hint
	}
	return &fault.Error{Kind: fault.Unavailable, Code: ErrUnavailable.Code, Hint: hint, Err: fmt.Errorf("%s: %w", op, cause)}
}

// dbError turns an error of the driver into one of ours. ctx is the caller's: when it ended, that is the reason. What
// PostgreSQL refused is a bug of ours; everything else means that PostgreSQL cannot be used right now.
func dbError(ctx context.Context, op string, err error) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, context.Cause(ctx))
	case errors.As(err, &pg) && !temporary(pg):
		return fmt.Errorf("%s: %w", op, postgres.Explain(err))
	}
	return unavailable(op, postgres.Explain(err))
}

// temporary reports whether an error of PostgreSQL says something about its state and not about the statement.
func temporary(pg *pgconn.PgError) bool {
	switch pg.Code {
	case "55P03", "25006", "25P03", "40P01", "40001": // lock timeout, replica, open too long, deadlock, serialization
		return true
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "08", "28", "53", "57", "58": // connection, login, resources, operator, system
		return true
	}
	return false
}

// rolledBack reports whether a statement that failed with err has certainly changed nothing: PostgreSQL said ERROR, or
// was never asked. Otherwise the connection was lost while the answer was awaited.
func rolledBack(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "ERROR"
	}
	return pgconn.SafeToRetry(err) || errors.As(err, new(notSent))
}

// broken reports whether a statement failed because its connection ended, and not for lack of time: another connection
// may do better.
func broken(err error) bool {
	var pg *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, context.DeadlineExceeded), errors.As(err, new(*pgconn.ConnectError)):
		return false
	case errors.As(err, &pg):
		return pg.Code == "57P01" || pg.Code == "57P02"
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, new(net.Error)) || pgconn.SafeToRetry(err)
}
