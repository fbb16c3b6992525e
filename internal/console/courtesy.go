package console

import (
	"context"
	"strings"

	"holdfast/internal/pgwire"
)

// courtesy is a command that does nothing, and that drivers send.
func courtesy(tag string) command {
	return command{tag: tag, open: true, run: func(context.Context, *Session, []string) (outcome, error) { return outcome{}, nil }}
}

// courtesy reads one of the commands that drivers send around those that matter.
func (p *parser) courtesy(verb string) (command, bool) {
	switch verb {
	case "BEGIN", "START":
		tag := map[string]string{"BEGIN": verb, "START": "START TRANSACTION"}[verb]
		p.rest()
		return transaction(tag, (*Session).begin), true
	case "COMMIT", "END":
		p.rest()
		return transaction("COMMIT", (*Session).commit), true
	case "ROLLBACK", "ABORT":
		if p.accept("TO") {
			p.rest()
			return transaction("ROLLBACK", (*Session).rollbackTo), true
		}
		p.rest()
		return transaction("ROLLBACK", (*Session).rollback), true
	case "SAVEPOINT", "RELEASE":
		p.rest()
		c := courtesy(verb)
		c.run = func(_ context.Context, s *Session, _ []string) (outcome, error) { return outcome{}, s.mustBegin(verb) }
		return c, true
	case "DISCARD", "RESET", "UNLISTEN", "CLOSE":
		return p.cleaning(verb), true
	case "DEALLOCATE":
		return p.deallocate(), true
	}
	return command{}, false
}

// cleaning reads a command that forgets what a session has.
func (p *parser) cleaning(verb string) command {
	what := strings.ToLower(p.rest())
	switch verb {
	case "RESET":
		return reset(what)
	case "DISCARD":
		return command{tag: "DISCARD ALL", open: true, run: func(_ context.Context, s *Session, _ []string) (outcome, error) {
			clear(s.statements)
			return outcome{changed: s.resetParameters()}, nil
		}}
	case "CLOSE":
		return courtesy("CLOSE CURSOR ALL")
	}
	return courtesy(verb)
}

// reset returns one parameter of the session, or all, to what it was at the beginning.
func reset(name string) command {
	return command{tag: "RESET", open: true, run: func(ctx context.Context, s *Session, _ []string) (outcome, error) {
		p, ok := findParameter(name)
		switch {
		case name == "all":
			return outcome{changed: s.resetParameters()}, nil
		case !ok:
			return outcome{}, refuse(stateUndefined, "unrecognized configuration parameter %q", name)
		}
		return setParameter(name, argument{text: p.value}).run(ctx, s, nil)
	}}
}

// deallocate reads DEALLOCATE [PREPARE] name or ALL, with which some drivers drop what they prepared by the protocol.
func (p *parser) deallocate() command {
	p.accept("PREPARE")
	all := p.peek().is("ALL")
	name := p.next().text
	tag := "DEALLOCATE"
	if all {
		tag = "DEALLOCATE ALL"
	}
	return command{tag: tag, open: true, run: func(_ context.Context, s *Session, _ []string) (outcome, error) {
		if all {
			clear(s.statements)
			return outcome{}, nil
		}
		if _, ok := s.statements[name]; !ok {
			return outcome{}, refuse(stateNoStatement, "prepared statement %q does not exist", name)
		}
		delete(s.statements, name)
		return outcome{}, nil
	}}
}

// transaction is a command that begins or ends one. It may stand in one that has failed.
func transaction(tag string, run func(*Session, string) (outcome, error)) command {
	return command{tag: tag, open: true, calm: true, run: func(_ context.Context, s *Session, _ []string) (outcome, error) {
		return run(s, tag)
	}}
}

func (s *Session) begin(string) (outcome, error) {
	switch s.status {
	case pgwire.InFailed:
		return outcome{}, aborted()
	case pgwire.InTransaction:
		return warning("25001", "there is already a transaction in progress"), nil
	}
	s.status = pgwire.InTransaction
	return outcome{}, nil
}

func (s *Session) commit(tag string) (outcome, error) {
	if s.status == pgwire.InFailed {
		return s.rollback("ROLLBACK")
	}
	return s.rollback(tag)
}

func (s *Session) rollback(tag string) (outcome, error) {
	o := outcome{tag: tag}
	if s.status == pgwire.Idle {
		o = warning("25P01", "there is no transaction in progress")
		o.tag = tag
	}
	s.status = pgwire.Idle
	return o, nil
}

func (s *Session) rollbackTo(string) (outcome, error) {
	if err := s.mustBegin("ROLLBACK TO SAVEPOINT"); err != nil {
		return outcome{}, err
	}
	s.status = pgwire.InTransaction
	return outcome{}, nil
}

// mustBegin refuses what PostgreSQL allows in transactions only.
func (s *Session) mustBegin(verb string) error {
	if s.status == pgwire.Idle {
		return refuse("25P01", "%s can only be used in transaction blocks", verb)
	}
	return nil
}

func aborted() *Error {
	return refuse(stateAborted, "current transaction is aborted, commands ignored until end of transaction block").
		withHint("the console has no transactions; what was done is done. Send ROLLBACK, or use autocommit")
}

func warning(state, message string) outcome {
	return outcome{notices: []pgwire.Notice{{Severity: "WARNING", Code: state, Message: message}}}
}
