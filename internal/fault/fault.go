package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. Its zero value is Internal: an error nobody classified is our fault
// until proven otherwise.
type Kind uint8

// The kinds, in the order of their exit codes (see cli). New ones are added at the end, and documented in docs/cli.md.
const (
	Internal    Kind = iota // a bug, or a failure nobody foresaw
	Usage                   // the command line or the request cannot be understood
	Config                  // the configuration is wrong
	NotFound                // what was named does not exist
	Denied                  // no permission, or proof of identity failed
	Conflict                // it exists already, or changed meanwhile
	Unavailable             // something that we depend on does not answer
	Full                    // disk, quota or count limit reached
	Invalid                 // the data is not what was announced: digest, length, type
	Interrupted             // cancelled by a person or by shutdown
	Partial                 // some of the work was done, some failed
)

// kindNames are the kinds as they stand in JSON output, in their order.
var kindNames = [...]string{
	"internal", "usage", "config", "not_found", "denied", "conflict",
	"unavailable", "full", "invalid", "interrupted", "partial",
}

// String returns the kind's lower-case name, as it stands in JSON output.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// ParseKind returns the kind with the name, or Internal.
func ParseKind(name string) Kind {
	for i, n := range kindNames {
		if n == name {
			return Kind(i)
		}
	}
	return Internal
}

// Error is a failure that somebody can act on.
type Error struct {
	Kind Kind
	Code string // stable, snake_case, for programs
	Hint string // what to do, one sentence, for people; may be empty
	Err  error  // the cause in words; never nil
}

// New returns an Error whose text is formatted like fmt.Errorf, %w included.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Err: fmt.Errorf(format, args...)}
}

// WithHint returns a copy of e that carries the hint, formatted like fmt.Sprintf.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Error returns the cause in words. The hint is not part of it: whoever prints an error for a person asks for HintOf.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes two Errors of the same code equal to errors.Is, so that a package can export a bare &Error{Code: …} as a
// sentinel and return richer ones.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error) //nolint:errorlint // Is compares one link of the chain by contract
	return ok && t.Code != "" && t.Code == e.Code
}

// KindOf returns the kind of the first Error in err's chain; a cancelled context is Interrupted, a passed deadline
// Unavailable, anything else Internal.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}

// CodeOf returns the code of the first Error in err's chain, or the kind's name when there is none.
func CodeOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) && e.Code != "" {
		return e.Code
	}
	return KindOf(err).String()
}

// HintOf returns the first hint in err's chain that is not empty, or "".
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
