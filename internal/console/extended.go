package console

import (
	"context"
	"encoding/binary"

	"holdfast/internal/pgwire"
)

// statement is what Parse made.
type statement struct {
	empty bool // there is no command in it
	command
	oids []uint32 // types of the parameters
}

// portal is what Bind made.
type portal struct {
	*statement
	params  []string
	formats []int16 // of each column
	begun   bool
	done    outcome
	sent    int // rows
}

// extended answers a message of the extended protocol. An *Error is sent to the client; any other ends the session.
func (s *Session) extended(ctx context.Context, typ pgwire.FrontendType, body []byte) error {
	switch typ {
	case pgwire.Parse:
		return s.prepare(body)
	case pgwire.Bind:
		return s.bind(body)
	case pgwire.Describe:
		return s.describe(body)
	case pgwire.Execute:
		return s.execute(ctx, body)
	case pgwire.Close:
		return s.close(body)
	}
	return &pgwire.ProtocolError{Reason: "invalid frontend message type: " + typ.String()}
}

func (s *Session) prepare(body []byte) error {
	m, err := pgwire.ParseParse(body)
	if err != nil {
		return err
	}
	name := string(m.Name)
	_, again := s.statements[name]
	if again && name != "" {
		return refuse(stateTwiceStatement, "prepared statement %q already exists", name)
	}
	if !again && len(s.statements) >= maxRemembered {
		return refuse(stateTooMuch, "more than %d prepared statements", maxRemembered)
	}
	commands, err := s.parse(string(m.Query))
	if err != nil {
		return err
	}
	if len(commands) > 1 {
		return refuse(stateSyntax, "cannot insert multiple commands into a prepared statement")
	}
	st := &statement{empty: len(commands) == 0}
	if !st.empty {
		st.command = commands[0]
		if s.status == pgwire.InFailed && !st.calm {
			return aborted()
		}
	}
	st.oids = parameterTypes(m.OIDs, st.params)
	s.statements[name] = st
	s.out = pgwire.AppendBare(s.out, pgwire.ParseComplete)
	return nil
}

// parameterTypes returns the types of n parameters: what the client announced, else text.
func parameterTypes(raw []byte, n int) []uint32 {
	const oidText = 25
	out := make([]uint32, max(n, len(raw)/4))
	for i := range out {
		out[i] = oidText
		if len(raw) >= 4*(i+1) {
			if oid := binary.BigEndian.Uint32(raw[4*i:]); oid != 0 {
				out[i] = oid
			}
		}
	}
	return out
}

func (s *Session) bind(body []byte) error {
	name, target, rest, err := pgwire.ParseBind(body)
	if err != nil {
		return err
	}
	values, err := pgwire.ParseBindRest(rest)
	if err != nil {
		return err
	}
	st, err := s.statement(target)
	if err != nil {
		return err
	}
	_, again := s.portals[string(name)]
	if again && len(name) > 0 {
		return refuse(stateTwicePortal, "cursor %q already exists", name)
	}
	if !again && len(s.portals) >= maxRemembered {
		return refuse(stateTooMuch, "more than %d portals", maxRemembered)
	}
	p := &portal{statement: st}
	if p.params, err = parameters(values, st.oids); err != nil {
		return err
	}
	if p.formats, err = resultFormats(values.ResultFormats, len(st.fields)); err != nil {
		return err
	}
	s.portals[string(name)] = p
	s.out = pgwire.AppendBare(s.out, pgwire.BindComplete)
	return nil
}

func (s *Session) describe(body []byte) error {
	kind, name, err := pgwire.ParseTarget(body)
	if err != nil {
		return err
	}
	var st *statement
	var formats []int16
	if kind == pgwire.TargetStatement {
		if st, err = s.statement(name); err != nil {
			return err
		}
		s.out = pgwire.AppendParameterDescription(s.out, st.oids)
	} else {
		p, err := s.portal(name)
		if err != nil {
			return err
		}
		st, formats = p.statement, p.formats
	}
	if st.fields == nil {
		s.out = pgwire.AppendBare(s.out, pgwire.NoData)
	} else {
		s.out = appendFields(s.out, st.fields, formats)
	}
	return nil
}

func (s *Session) execute(ctx context.Context, body []byte) error {
	name, most, err := pgwire.ParseExecute(body)
	if err != nil {
		return err
	}
	p, err := s.portal(name)
	if err != nil {
		return err
	}
	if p.empty {
		s.out = pgwire.AppendBare(s.out, pgwire.EmptyQueryResponse)
		return nil
	}
	if !p.begun {
		p.done, err = s.run(ctx, p.command, p.params)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		}
		p.begun = true
	}
	rows := p.done.rows[p.sent:]
	if most > 0 && uint64(len(rows)) > uint64(most) {
		rows = rows[:most]
	}
	p.sent += len(rows)
	if err := s.rows(p.fields, p.formats, rows); err != nil {
		return err
	}
	if p.sent < len(p.done.rows) {
		s.out = pgwire.AppendBare(s.out, pgwire.PortalSuspended)
		return nil
	}
	s.complete(p.command, p.done)
	return nil
}

// close forgets a statement or a portal. It is no error when there is none.
func (s *Session) close(body []byte) error {
	kind, name, err := pgwire.ParseTarget(body)
	if err != nil {
		return err
	}
	if kind == pgwire.TargetStatement {
		delete(s.statements, string(name))
	} else {
		delete(s.portals, string(name))
	}
	s.out = pgwire.AppendBare(s.out, pgwire.CloseComplete)
	return nil
}

func (s *Session) statement(name []byte) (*statement, error) {
	if st, ok := s.statements[string(name)]; ok {
		return st, nil
	}
	if len(name) == 0 {
		return nil, refuse(stateNoStatement, "unnamed prepared statement does not exist")
	}
	return nil, refuse(stateNoStatement, "prepared statement %q does not exist", name)
}

func (s *Session) portal(name []byte) (*portal, error) {
	if p, ok := s.portals[string(name)]; ok {
		return p, nil
	}
	return nil, refuse(stateNoPortal, "portal %q does not exist", name)
}

// endPortals closes portals as the end of a transaction does.
func (s *Session) endPortals() {
	if s.status == pgwire.Idle {
		clear(s.portals)
	}
}
