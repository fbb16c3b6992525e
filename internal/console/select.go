package console

import (
	"context"
	"strconv"
	"strings"
)

// selected is one expression behind SELECT.
type selected struct {
	field
	value func(*Session, []string) cell
}

// selection reads SELECT with constants and the few functions that drivers call to see whether a connection is alive
// and what stands at its other end. There are no tables to select from.
func (p *parser) selection() (command, error) {
	var items []selected
	for {
		item, err := p.expression()
		if err != nil {
			return command{}, err
		}
		items = append(items, item)
		if !p.accept(",") {
			break
		}
	}
	if t := p.peek(); !p.atEnd() {
		return command{}, unexpected(t).withHint("the console has no SQL; its tables are listed by SHOW HELP")
	}
	c := command{tag: "SELECT 1", open: true}
	for _, item := range items {
		c.fields = append(c.fields, item.field)
	}
	c.run = func(_ context.Context, s *Session, params []string) (outcome, error) {
		row := make([]cell, len(items))
		for i, item := range items {
			row[i] = item.value(s, params)
		}
		return outcome{rows: [][]cell{row}}, nil
	}
	return c, nil
}

// expression reads a value, a cast that is ignored, and a name.
func (p *parser) expression() (selected, error) {
	item, err := p.primary()
	if err != nil {
		return selected{}, err
	}
	p.cast()
	if p.accept("AS") {
		name, err := p.argument()
		if err != nil {
			return selected{}, err
		}
		item.name = name.text
	}
	return item, nil
}

func (p *parser) primary() (selected, error) {
	const unnamed = "?column?"
	t := p.peek()
	switch t.kind {
	case numberToken:
		p.next()
		n, err := strconv.ParseInt(t.text, 10, 32)
		if err != nil {
			return selected{}, syntaxError(t.at, "not a whole number of four bytes: "+t.text)
		}
		return constant(unnamed, int4Kind, cell{number: n}), nil
	case stringToken:
		p.next()
		return constant(unnamed, textKind, cell{text: t.text}), nil
	case paramToken:
		arg, err := p.argument()
		return selected{field{unnamed, textKind}, func(_ *Session, params []string) cell { return cell{text: arg.value(params)} }}, err
	case wordToken:
		return p.function()
	}
	return selected{}, unexpected(t)
}

func constant(name string, k kind, c cell) selected {
	return selected{field{name, k}, func(*Session, []string) cell { return c }}
}

// function reads a keyword or a call without arguments.
func (p *parser) function() (selected, error) {
	t := p.next()
	name := strings.ToLower(t.text)
	if name == "pg_catalog" && p.accept(".") {
		t = p.next()
		name = strings.ToLower(t.text)
	}
	if name == "current_setting" && p.accept("(") {
		return p.currentSetting()
	}
	if p.accept("(") && !p.accept(")") {
		return selected{}, unexpected(p.peek())
	}
	if f, ok := functions(name); ok {
		return f, nil
	}
	return selected{}, unexpected(t).withHint("the console has no SQL; its tables are listed by SHOW HELP")
}

func (p *parser) currentSetting() (selected, error) {
	t := p.next()
	param, ok := findParameter(t.text)
	if t.kind != stringToken || !ok || !p.accept(")") {
		return selected{}, refuse(stateUndefined, "unrecognized configuration parameter %q", t.text)
	}
	return selected{field{"current_setting", textKind}, func(s *Session, _ []string) cell { return cell{text: s.current(param)} }}, nil
}

// functions returns the expression of that name.
func functions(name string) (selected, bool) {
	of := func(k kind, value func(*Session) cell) (selected, bool) {
		return selected{field{name, k}, func(s *Session, _ []string) cell { return value(s) }}, true
	}
	switch name {
	case "version":
		return of(textKind, func(s *Session) cell {
			return cell{text: "PostgreSQL " + serverVersion + " (console of Holdfast " + s.opts.Version + ")"}
		})
	case "current_database", "current_catalog":
		return of(textKind, func(s *Session) cell { return cell{text: s.id.Database} })
	case "current_user", "session_user", "user", "current_role":
		return of(textKind, func(s *Session) cell { return cell{text: s.id.User} })
	case "current_schema":
		return of(textKind, func(*Session) cell { return cell{text: "public"} })
	case "pg_backend_pid":
		return of(int4Kind, func(s *Session) cell { return cell{number: int64(int32(s.opts.PID))} })
	case "pg_is_in_recovery", "false":
		return of(boolKind, func(*Session) cell { return cell{} })
	case "true":
		return of(boolKind, func(*Session) cell { return cell{number: 1} })
	case "null":
		return of(textKind, func(*Session) cell { return cell{null: true} })
	case "pg_advisory_unlock_all":
		return of(textKind, func(*Session) cell { return cell{} })
	}
	return selected{}, false
}
