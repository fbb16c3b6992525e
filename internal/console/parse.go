package console

import (
	"context"
	"strconv"
	"strings"
)

// maxParam is the highest parameter that a statement may have.
const maxParam = 8

// parser reads commands from tokens.
type parser struct {
	text   string
	tokens []token
	at     int
	params int // the highest parameter of the command that is being read
}

// parse returns the commands of a text, which are separated by semicolons. Nothing runs unless all are understood.
func parse(text string) ([]command, error) {
	all, err := tokens(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: all}
	var out []command
	for {
		for p.accept(";") {
		}
		if p.peek().kind == endToken {
			return out, nil
		}
		p.params = 0
		c, err := p.command()
		if err != nil {
			return nil, err
		}
		if t := p.peek(); t.kind != endToken && !t.is(";") {
			return nil, unexpected(t)
		}
		c.params = p.params
		out = append(out, c)
	}
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

// accept consumes the next token if it is the keyword or symbol.
func (p *parser) accept(text string) bool {
	if p.peek().is(text) {
		p.at++
		return true
	}
	return false
}

// atEnd reports whether the command is over.
func (p *parser) atEnd() bool { return p.peek().kind == endToken || p.peek().is(";") }

// rest passes over what is left of the command and returns it as it was written.
func (p *parser) rest() string {
	from, to := p.peek().from, p.peek().from
	for !p.atEnd() {
		to = p.next().to
	}
	return p.text[from:to]
}

func unexpected(t token) *Error {
	if t.kind == endToken {
		return syntaxError(t.at, "syntax error at end of input")
	}
	return syntaxError(t.at, "syntax error at or near \""+t.text+"\"")
}

// command reads one command.
func (p *parser) command() (command, error) {
	verb := p.next()
	if verb.kind != wordToken {
		return command{}, unexpected(verb)
	}
	name := strings.ToUpper(verb.text)
	switch name {
	case "SHOW":
		return p.show()
	case "SET":
		return p.set()
	case "SELECT":
		return p.selection()
	case "KILL_CLIENT":
		arg, err := p.argument()
		return killClient(arg), err
	case "SHUTDOWN":
		return p.shutdown()
	case "RELOAD":
		return onAll(name, func(ctx context.Context, s Steering) error { return s.Reload(ctx) }), nil
	case "SUSPEND":
		return onAll(name, func(ctx context.Context, s Steering) error { return s.Suspend(ctx) }), nil
	}
	if do := databaseVerb(name); do != nil {
		return p.onDatabase(name, do)
	}
	if c, ok := p.courtesy(name); ok {
		return c, nil
	}
	return command{}, unexpected(verb)
}

// databaseVerb returns what a command about databases does, or nil.
func databaseVerb(name string) func(context.Context, Steering, string) error {
	switch name {
	case "PAUSE":
		return func(ctx context.Context, s Steering, db string) error { return s.Pause(ctx, db) }
	case "RESUME":
		return func(ctx context.Context, s Steering, db string) error { return s.Resume(ctx, db) }
	case "DISABLE":
		return func(ctx context.Context, s Steering, db string) error { return s.Disable(ctx, db) }
	case "ENABLE":
		return func(ctx context.Context, s Steering, db string) error { return s.Enable(ctx, db) }
	case "RECONNECT":
		return func(ctx context.Context, s Steering, db string) error { return s.Reconnect(ctx, db) }
	case "KILL":
		return func(ctx context.Context, s Steering, db string) error { return s.Kill(ctx, db) }
	case "WAIT_CLOSE":
		return func(ctx context.Context, s Steering, db string) error { return s.WaitClose(ctx, db) }
	}
	return nil
}

// onDatabase reads the name of a database, which only DISABLE and ENABLE must have.
func (p *parser) onDatabase(verb string, do func(context.Context, Steering, string) error) (command, error) {
	if p.atEnd() {
		if verb == "DISABLE" || verb == "ENABLE" {
			return command{}, syntaxError(p.peek().at, "a database is required").withHint("%s database", verb)
		}
		return onDatabase(verb, argument{}, do), nil
	}
	arg, err := p.argument()
	if err != nil {
		return command{}, err
	}
	if arg.param == 0 && arg.text == "" {
		return command{}, syntaxError(p.peek().at, "the name of a database is empty") // it would mean all of them
	}
	if t := p.peek(); !p.atEnd() {
		return command{}, unexpected(t).withHint("write a name that has other characters than letters, digits and _ in double quotes")
	}
	return onDatabase(verb, arg, do), nil
}

func (p *parser) shutdown() (command, error) {
	for _, mode := range []Shutdown{ShutdownWaitForServers, ShutdownWaitForClients} {
		if p.accept(mode.String()) {
			return shutdown(mode), nil
		}
	}
	if !p.atEnd() {
		return command{}, unexpected(p.peek()).withHint("SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]")
	}
	return shutdown(ShutdownNow), nil
}

// argument reads a name, a number, a string or a parameter; also ('17'::int4), which pgjdbc makes of a parameter in its
// simple mode.
func (p *parser) argument() (argument, error) {
	t := p.next()
	if t.is("(") && !p.peek().is("(") {
		arg, err := p.argument()
		p.cast()
		if err == nil && !p.accept(")") {
			err = unexpected(p.peek())
		}
		return arg, err
	}
	switch t.kind {
	case wordToken, quotedToken, stringToken, numberToken:
		return argument{text: t.text}, nil
	case paramToken:
		n, err := strconv.Atoi(t.text)
		if err != nil || n < 1 || n > maxParam {
			return argument{}, syntaxError(t.at, "there is no parameter $"+t.text)
		}
		p.params = max(p.params, n)
		return argument{param: n}, nil
	}
	return argument{}, unexpected(t)
}

// cast passes over casts: the type makes no difference to what we do with a value.
func (p *parser) cast() {
	for p.accept(":") {
		p.accept(":")
		p.next()
	}
}

// show reads what stands behind SHOW: a table of the console, or a parameter of the session, as drivers ask for.
func (p *parser) show() (command, error) {
	first := p.peek()
	var words []string
	for p.peek().kind == wordToken || p.peek().kind == quotedToken {
		words = append(words, strings.ToLower(p.next().text))
	}
	if len(words) == 0 {
		return command{}, unexpected(p.peek())
	}
	name := strings.Join(words, " ")
	if c, ok := showCommand(name); ok {
		return c, nil
	}
	if c, ok := showParameter(name); ok {
		return c, nil
	}
	e := refuse(stateUndefined, "unrecognized table or parameter: %s", name).withHint("what can be shown is listed by SHOW HELP")
	e.Position = first.at
	return command{}, e
}

// set reads what stands behind SET: a parameter of the session, which drivers set, or a setting of the pooler.
func (p *parser) set() (command, error) {
	if !p.accept("SESSION") {
		p.accept("LOCAL")
	}
	if p.accept("TRANSACTION") || p.accept("CHARACTERISTICS") {
		p.rest()
		return courtesy("SET"), nil
	}
	if p.accept("TIME") {
		if !p.accept("ZONE") {
			return command{}, unexpected(p.peek())
		}
		return setParameter("timezone", argument{text: unquote(p.rest())}), nil
	}
	if p.accept("NAMES") {
		return setParameter("client_encoding", argument{text: unquote(p.rest())}), nil
	}
	key, err := p.argument()
	for err == nil && p.accept(".") {
		var part argument
		part, err = p.argument()
		key.text += "." + part.text
	}
	if err != nil {
		return command{}, err
	}
	if !p.accept("=") && !p.accept("TO") {
		return command{}, unexpected(p.peek()).withHint("SET key = value; quote a value that has spaces: 'value'")
	}
	value, err := p.setValue()
	if err != nil {
		return command{}, err
	}
	if isParameter(key.text) {
		return setParameter(strings.ToLower(key.text), value), nil
	}
	return setSetting(key, value), nil
}

// setValue reads a value: a string, a parameter, or all that stands there ("scram-sha-256" and "a, b" need no quotes).
func (p *parser) setValue() (argument, error) {
	if t := p.peek(); t.kind == paramToken || t.is("(") {
		return p.argument()
	}
	if p.atEnd() {
		return argument{}, unexpected(p.peek())
	}
	first, begin := p.peek(), p.at
	raw := p.rest()
	if p.at-begin == 1 {
		return argument{text: first.text}, nil
	}
	return argument{text: raw}, nil
}

// unquote takes the quotes from a text that is nothing but a string.
func unquote(text string) string {
	all, err := tokens(text)
	if err == nil && len(all) == 2 {
		return all[0].text
	}
	return text
}
