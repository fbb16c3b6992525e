package console

import (
	"context"
	"strconv"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

// command is one statement that has been understood.
type command struct {
	tag    string  // of CommandComplete
	open   bool    // to those who are no administrators; what is not marked is closed
	calm   bool    // may stand in a transaction that has failed
	fields []field // nil when it returns no rows
	params int     // how many of $1, $2, … it has
	run    func(context.Context, *Session, []string) (outcome, error)
}

// outcome is what a command did.
type outcome struct {
	tag     string // when it differs from the command's
	rows    [][]cell
	notices []pgwire.Notice
	changed []pgwire.Param // parameters that the client is told about
}

// argument is a word of a statement, or the number of the parameter that stands in its place.
type argument struct {
	text  string
	param int // from 1; 0 when the text is the value
}

func (a argument) value(params []string) string {
	if a.param > 0 && a.param <= len(params) {
		return params[a.param-1]
	}
	return a.text
}

// onDatabase is a command about a database, or about all of them.
func onDatabase(tag string, arg argument, do func(context.Context, Steering, string) error) command {
	return command{tag: tag, run: func(ctx context.Context, s *Session, params []string) (outcome, error) {
		name := arg.value(params)
		if s.isConsole(name) {
			return outcome{}, refuse(stateNotInState, "%s cannot be used on the console itself: %s", tag, name)
		}
		s.note(tag, name)
		err := do(ctx, s.src, name)
		if fault.KindOf(err) == fault.NotFound && errorOf(err).State == stateUndefined {
			e := *errorOf(err)
			e.State = stateNoDatabase
			return outcome{}, &e
		}
		return outcome{}, err
	}}
}

// onAll is a command about the whole pooler.
func onAll(tag string, do func(context.Context, Steering) error) command {
	return command{tag: tag, run: func(ctx context.Context, s *Session, _ []string) (outcome, error) {
		s.note(tag, "")
		return outcome{}, do(ctx, s.src)
	}}
}

func killClient(arg argument) command {
	const tag = "KILL_CLIENT"
	return command{tag: tag, run: func(ctx context.Context, s *Session, params []string) (outcome, error) {
		text := arg.value(params)
		id, err := strconv.ParseInt(text, 0, 32) // the column ptr is in base 16
		if err != nil || id <= 0 {
			return outcome{}, refuse(stateInvalid, "invalid client id: %q", text).withHint("take the column id of SHOW CLIENTS")
		}
		s.note(tag, text)
		return outcome{}, s.src.KillClient(ctx, int32(id))
	}}
}

func shutdown(mode Shutdown) command {
	const tag = "SHUTDOWN"
	return command{tag: tag, run: func(ctx context.Context, s *Session, _ []string) (outcome, error) {
		s.note(tag, mode.String())
		return outcome{}, s.src.Shutdown(ctx, mode)
	}}
}

// setSetting changes a setting of the pooler. The value is not logged.
func setSetting(key, value argument) command {
	const tag = "SET"
	return command{tag: tag, run: func(ctx context.Context, s *Session, params []string) (outcome, error) {
		s.note(tag, key.value(params))
		return outcome{}, s.src.Set(ctx, key.value(params), value.value(params))
	}}
}
