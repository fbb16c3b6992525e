package console

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"unicode/utf8"

	"holdfast/internal/pgwire"
)

// query answers a Query of the simple protocol.
func (s *Session) query(ctx context.Context, text string) error {
	if err := s.simple(ctx, text); err != nil {
		if ctx.Err() != nil || !isRefusal(err) {
			return err
		}
		s.refuse(errorOf(err))
	}
	s.endPortals()
	return s.ready()
}

func (s *Session) simple(ctx context.Context, text string) error {
	commands, err := s.parse(text)
	if err != nil {
		return err
	}
	if len(commands) == 0 {
		s.out = pgwire.AppendBare(s.out, pgwire.EmptyQueryResponse)
	}
	for _, c := range commands {
		if c.params > 0 {
			return refuse("42P02", "there is no parameter $%d", c.params)
		}
		done, err := s.run(ctx, c, nil)
		if err != nil {
			return err
		}
		if c.fields != nil {
			s.out = appendFields(s.out, c.fields, nil)
		}
		if err := s.rows(c.fields, nil, done.rows); err != nil {
			return err
		}
		s.complete(c, done)
	}
	return nil
}

// maxText is how long the commands of one message may be, in bytes. Understanding them takes some fifty times as much.
const maxText = 1 << 16

// parse reads commands, if it is text at all.
func (s *Session) parse(text string) ([]command, error) {
	if len(text) > maxText {
		return nil, refuse(stateTooMuch, "a command of %d bytes is longer than %d", len(text), maxText)
	}
	if !utf8.ValidString(text) {
		return nil, refuse(stateInvalidEncoding, "invalid byte sequence for encoding \"UTF8\"")
	}
	return parse(text)
}

// run does what a command says, unless the client may not, and tells what it did besides its rows.
func (s *Session) run(ctx context.Context, c command, params []string) (outcome, error) {
	switch {
	case s.status == pgwire.InFailed && !c.calm:
		return outcome{}, aborted()
	case !c.open && !s.id.Admin:
		return outcome{}, refuse(statePrivilege, "permission denied: %s is for administrators of the console", c.tag).
			withHint("log in as a user that the configuration names as an administrator of the console")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.setCancel(cancel)
	defer s.setCancel(nil)
	done, err := c.run(ctx, s, params)
	if err != nil {
		return outcome{}, errorOf(err)
	}
	for _, n := range done.notices {
		s.out = pgwire.AppendNotice(s.out, n)
	}
	for _, p := range done.changed {
		s.out = pgwire.AppendParameterStatus(s.out, p.Name, p.Value)
	}
	return done, nil
}

func (s *Session) setCancel(cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
}

// rows sends rows as it makes them: a table may be long.
func (s *Session) rows(fields []field, formats []int16, rows [][]cell) error {
	for _, row := range rows {
		s.out = appendRow(s.out, fields, formats, row)
		if len(s.out) >= flushAt {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) complete(c command, done outcome) {
	s.out = pgwire.AppendCommandComplete(s.out, cmp.Or(done.tag, c.tag))
}

// refuse sends an error. In a transaction, that fails.
func (s *Session) refuse(e *Error) {
	n := pgwire.Notice{Code: e.State, Message: e.Message, Hint: e.Hint}
	if e.Position > 0 {
		n.Position = strconv.Itoa(e.Position)
	}
	s.out = pgwire.AppendError(s.out, n)
	if s.status == pgwire.InTransaction {
		s.status = pgwire.InFailed
	}
}

func (s *Session) ready() error {
	s.out = pgwire.AppendReadyForQuery(s.out, s.status)
	return s.flush()
}

func (s *Session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	_, err := s.w.Write(s.out)
	s.out = s.out[:0]
	if cap(s.out) > 2*flushAt {
		s.out = nil
	}
	return err
}

func isRefusal(err error) bool {
	var own *Error
	return errors.As(err, &own)
}
