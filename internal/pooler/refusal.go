package pooler

import (
	"errors"

	"holdfast/internal/backend"
	"holdfast/internal/console"
	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
	"holdfast/internal/pool"
	"holdfast/internal/relay"
)

// refusal is an error as a client gets it.
type refusal struct{ pgwire.Notice }

func (r *refusal) Error() string { return r.Message }

// fatal returns an error that ends the client's session.
func fatal(code, message, hint string) *refusal {
	return &refusal{pgwire.Notice{Severity: "FATAL", Code: code, Message: message, Hint: hint}}
}

// ending makes a client of the console read the error before its session ends.
func (r *refusal) ending() error { return &console.Ending{Message: r.Message, Hint: r.Hint} }

// sqlStater is an error that knows its SQLSTATE.
type sqlStater interface{ SQLState() string }

// noticeOf says an error in the words of the protocol.
func noticeOf(err error, severity string) pgwire.Notice {
	n := pgwire.Notice{Severity: severity, Code: "58000", Message: err.Error(), Hint: fault.HintOf(err)}
	var (
		r        *refusal
		full     *pool.Error
		protocol *pgwire.ProtocolError
		state    sqlStater
	)
	switch {
	case errors.As(err, &r):
		n = r.Notice
		n.Severity = severity
	case errors.As(err, &full):
		n.Code, n.Message, n.Detail = full.SQLSTATE(), full.Error(), full.Detail()
		if said := (*backend.Error)(nil); full.Code == pool.CodeDown && errors.As(full.Err, &said) && said.Permanent() && said.SQLSTATE != "" {
			n.Code, n.Message, n.Detail, n.Hint = said.SQLSTATE, said.Message, said.Detail, said.Hint // as PostgreSQL itself says it
		}
	case errors.As(err, &protocol):
		n.Code, n.Message = protocol.SQLState(), protocol.Reason
	case errors.As(err, &state):
		n.Code = state.SQLState()
	case errors.Is(err, relay.ErrOutOfStep):
		n.Code = "08P01"
	}
	return n
}
