package relay

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"holdfast/internal/pgwire"
)

// guest is one client of a house. All of it runs on one goroutine, but for the reading and writing of connections.
type guest struct {
	house *house
	*sender
	relay *Client
	reads <-chan []byte
	in    []byte
	line  *line

	toServer, toClient Out
}

var errGone = errors.New("the client is gone")

// run serves the client until it leaves.
func (g *guest) run(conn net.Conn) error {
	if err := g.welcome(conn); err != nil || g.relay == nil {
		return err
	}
	defer g.relay.Close()
	g.reads = receive(conn)
	defer func() {
		conn.Close()
		for range g.reads { //nolint:revive // to its end
		}
	}()
	err := g.loop()
	if g.line != nil {
		err = errors.Join(err, g.abandon())
	}
	if errors.Is(err, errGone) || errors.Is(err, ErrTerminated) {
		return nil
	}
	return err
}

// welcome logs the client in without asking who it is.
func (g *guest) welcome(conn net.Conn) error {
	body, err := pgwire.NewReader(&oneByOne{conn}, pgwire.MaxStartup).ReadStartup()
	if err != nil {
		return nil //nolint:nilerr // it went away
	}
	start, err := pgwire.ParseStartup(body)
	if err != nil || start.Kind != pgwire.StartupMessage {
		return err
	}
	h := g.house
	var settings []Assignment
	values := append([]pgwire.Param(nil), h.base...)
	reported := h.table.Intern(h.base)
	for _, p := range start.Params {
		switch {
		case p.Name == "user" || p.Name == "database":
		case reported.Reports(p.Name):
			for i := range values {
				if strings.EqualFold(values[i].Name, p.Name) {
					values[i].Value = p.Value
				}
			}
		default:
			settings = append(settings, FromParam(p.Name, p.Value))
		}
	}
	g.relay = NewClient(ClientConfig{
		Mode: h.config.mode, Registry: h.registry, Params: h.table, Values: values, Settings: settings, Observer: h.config.observer,
	})
	b := pgwire.AppendAuthOK(nil)
	for _, p := range values {
		b = pgwire.AppendParameterStatus(b, p.Name, p.Value)
	}
	b = pgwire.AppendBackendKeyData(b, 1, []byte("none"))
	g.send(pgwire.AppendReadyForQuery(b, pgwire.Idle))
	return nil
}

// oneByOne reads no further than it is asked to.
type oneByOne struct{ net.Conn }

func (o *oneByOne) Read(b []byte) (int, error) { return o.Conn.Read(b[:min(1, len(b))]) }

func (g *guest) loop() error {
	for {
		var answers <-chan []byte
		if g.line != nil {
			answers = g.line.reads
		}
		var err error
		select {
		case b, ok := <-g.reads:
			if !ok {
				return errGone
			}
			g.in = append(g.in, b...)
			err = g.forward()
		case b, ok := <-answers:
			if !ok {
				return g.serverGone()
			}
			err = g.backward(b)
		case <-time.After(patience):
			return fmt.Errorf("nothing happens; %d bytes of the client are kept", len(g.in))
		}
		if err != nil {
			return err
		}
	}
}

// forward hands on what the client said, as far as that is possible.
func (g *guest) forward() (err error) {
	for {
		before := len(g.in)
		g.in, err = g.house.cut.work(g.in, func(part []byte) (int, error) {
			n, err := g.relay.Forward(part, &g.toServer)
			if b := g.toServer.Bytes(); len(b) > 0 {
				if g.line == nil {
					return n, fmt.Errorf("%q is for no server", b)
				}
				g.line.note("%p > %s", g, frontend(b))
				g.line.send(b)
			}
			g.send(g.relay.Local())
			return n, err
		})
		switch {
		case errors.Is(err, ErrNeedServer):
			if err := g.attach(); err != nil {
				return err
			}
		case err != nil:
			return err
		case len(g.in) == 0 || len(g.in) == before:
			return g.rest()
		}
	}
}

// backward hands on what the server said, then what of the client waited for that.
func (g *guest) backward(b []byte) (err error) {
	l := g.line
	l.note("< %s", backend(b))
	l.in, err = g.house.cut.work(append(l.in, b...), func(part []byte) (int, error) {
		n, err := g.relay.Backward(part, &g.toClient)
		g.send(g.toClient.Bytes())
		if b := g.relay.Over(); len(b) > 0 {
			l.note("%p >> %s", g, frontend(b))
			l.send(b)
		}
		return n, err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", l.name, err)
	}
	if err := g.rest(); err != nil || len(g.in) == 0 {
		return err
	}
	return g.forward()
}

func (g *guest) attach() error {
	l, err := g.house.take()
	if err != nil {
		return err
	}
	if sql := g.relay.Settle(l.relay); sql != "" {
		if err := l.ask(sql, g.house.cut); err != nil {
			return err
		}
	}
	g.relay.Attach(l.relay)
	if again := g.relay.Settle(l.relay); again != "" {
		return fmt.Errorf("%s is not settled: %q", l.name, again)
	}
	g.line = l
	g.send(g.relay.Local())
	return nil
}

// rest gives the server back if nothing keeps it, and makes it the client's again if it has to.
func (g *guest) rest() error {
	switch {
	case g.line == nil:
	case g.relay.Free():
		l := g.line
		if len(l.in) > 0 {
			return fmt.Errorf("%s is free, and %q was not taken", l.name, l.in)
		}
		g.relay.Detach()
		g.line = nil
		return g.house.give(l)
	case g.line.relay.Settled():
		if sql := g.relay.Question(); sql != "" {
			if err := g.line.ask(sql, g.house.cut); err != nil {
				return err
			}
			g.relay.Answered()
			return g.rest()
		}
		if !g.relay.Unsettled() {
			return nil
		}
		if sql := g.relay.Settle(g.line.relay); sql != "" {
			if err := g.line.askBy(g.relay.AskOwn, sql, g.house.cut); err != nil {
				return err
			}
			g.relay.Resettled()
			g.send(g.relay.Local())
		}
	}
	return nil
}

// abandon takes the server from a client that leaves: it is given back if it can be, else another one takes its place.
func (g *guest) abandon() error {
	l := g.line
	g.relay.Detach()
	g.line = nil
	if l.relay.Settled() && len(l.in) == 0 {
		return g.house.give(l)
	}
	return g.house.replace(l)
}

// serverGone ends the client when the server ended.
func (g *guest) serverGone() error {
	l := g.line
	g.relay.Detach()
	g.line = nil
	if err := g.house.replace(l); err != nil {
		return err
	}
	return errGone
}

// replace closes a server session and opens another one.
func (h *house) replace(l *line) error {
	l.sender.close()
	for range l.reads { //nolint:revive // to its end
	}
	l.relay.Close()
	for i := range h.lines {
		if h.lines[i] == l {
			h.lines[i] = h.open(i)
			h.idle <- h.lines[i]
		}
	}
	return nil
}
