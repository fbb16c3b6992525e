package console

import (
	"context"
	"errors"
	"fmt"

	"holdfast/internal/fault"
)

// SQLSTATEs that the console itself answers with. PostgreSQL manual, appendix "PostgreSQL Error Codes".
const (
	stateSyntax          = "42601" // syntax_error
	statePrivilege       = "42501" // insufficient_privilege
	stateUndefined       = "42704" // undefined_object
	stateNotSupported    = "0A000" // feature_not_supported
	stateInvalid         = "22023" // invalid_parameter_value
	stateProtocol        = "08P01" // protocol_violation
	stateAborted         = "25P02" // in_failed_sql_transaction
	stateNoStatement     = "26000" // invalid_sql_statement_name
	stateNoPortal        = "34000" // invalid_cursor_name
	stateTwiceStatement  = "42P05" // duplicate_prepared_statement
	stateTwicePortal     = "42P03" // duplicate_cursor
	stateTooMuch         = "54000" // program_limit_exceeded
	stateCanceled        = "57014" // query_canceled
	stateShutdown        = "57P01" // admin_shutdown
	stateUnavailable     = "57P03" // cannot_connect_now
	stateNoDatabase      = "3D000" // invalid_catalog_name
	stateNotInState      = "55000" // object_not_in_prerequisite_state
	stateFull            = "53000" // insufficient_resources
	stateConfig          = "F0000" // config_file_error
	stateInternal        = "XX000" // internal_error
	stateInvalidEncoding = "22021" // character_not_in_repertoire
)

// Error is a refusal as a client gets it.
type Error struct {
	State    string // SQLSTATE
	Message  string
	Hint     string // what to do; may be empty
	Position int    // where in the statement, in characters from 1; 0 is nowhere
	cause    error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// SQLState returns the five characters of PostgreSQL's error codes.
func (e *Error) SQLState() string { return e.State }

// Unwrap returns what a Source answered, if this comes from one.
func (e *Error) Unwrap() error { return e.cause }

func refuse(state, format string, args ...any) *Error {
	return &Error{State: state, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) withHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

func syntaxError(at int, message string) *Error {
	return &Error{State: stateSyntax, Message: message, Position: at, Hint: "the commands of the console are listed by SHOW HELP"}
}

// stateOf returns the SQLSTATE that says in PostgreSQL's words what a fault of this kind is.
func stateOf(kind fault.Kind) string {
	switch kind {
	case fault.Usage, fault.Invalid:
		return stateInvalid
	case fault.Config:
		return stateConfig
	case fault.NotFound:
		return stateUndefined
	case fault.Denied:
		return statePrivilege
	case fault.Conflict, fault.Partial:
		return stateNotInState
	case fault.Unavailable:
		return stateUnavailable
	case fault.Full:
		return stateFull
	case fault.Interrupted:
		return stateCanceled
	}
	return stateInternal
}

// errorOf returns what a client gets for an error of a Source.
func errorOf(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Message: err.Error(), Hint: fault.HintOf(err), cause: err}
	var coded interface{ SQLState() string }
	switch {
	case errors.As(err, &coded) && len(coded.SQLState()) == 5:
		e.State = coded.SQLState()
	case errors.Is(err, context.Canceled):
		e.State, e.Message = stateCanceled, "canceling statement due to user request"
	default:
		e.State = stateOf(fault.KindOf(err))
	}
	return e
}
