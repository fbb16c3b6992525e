package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// patience bounds every wait of the tests.
const patience = 60 * time.Second

// house is a pooler for tests: clients share few servers, and all bytes are cut at random places.
type house struct {
	t      testing.TB
	db     *pgtest.DB
	config houseConfig

	registry *Registry
	table    *ParamTable
	base     []pgwire.Param // as servers report at log-in
	cut      *cutter
	idle     chan *line
	lines    []*line
	wg       sync.WaitGroup
}

type houseConfig struct {
	mode       Mode
	servers    int
	statements int
	piece      int // bytes in a piece at most, 0 for no cutting
	seed       uint64
	check      bool     // look at servers that come back clean, whether they are
	observer   Observer // of all clients
}

// line is a server session and its connection.
type line struct {
	name string
	base []pgwire.Param
	*sender
	reads <-chan []byte
	relay *Server
	in    []byte
	log   []string // what was sent and received, for failures
}

// note remembers what was said, for failures.
func (l *line) note(format string, args ...any) {
	l.log = append(l.log, fmt.Sprintf(format, args...))
	if len(l.log) > 200 {
		l.log = append([]string(nil), l.log[100:]...)
	}
}

func newHouse(t testing.TB, db *pgtest.DB, c houseConfig) *house {
	t.Helper()
	h := &house{
		t: t, db: db, config: c, registry: NewRegistry(), table: NewParamTable(),
		cut: newCutter(c.seed, c.piece), idle: make(chan *line, c.servers),
	}
	for i := range c.servers {
		l := h.open(i)
		h.base = l.base
		h.lines = append(h.lines, l)
		h.idle <- l
	}
	t.Cleanup(h.close)
	return h
}

func (h *house) close() {
	h.wg.Wait()
	for _, l := range h.lines {
		l.send(pgwire.AppendTerminate(nil))
		l.sender.close()
		for range l.reads { //nolint:revive // to its end
		}
		l.relay.Close()
	}
	if n := h.registry.Len(); n != 0 && !h.t.Failed() {
		h.t.Errorf("the registry still knows %d statements when clients and servers are gone", n)
	}
}

// open logs in to the test's database, which trusts everybody.
func (h *house) open(i int) *line {
	h.t.Helper()
	s := h.db.Server
	conn, err := net.Dial("unix", filepath.Join(s.Host, ".s.PGSQL."+strconv.Itoa(s.Port)))
	if err != nil {
		h.t.Fatal(err)
	}
	params, err := logIn(conn, s.User, h.db.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	return &line{
		base: params,
		name: fmt.Sprintf("server %d", i), sender: newSender(conn), reads: receive(conn),
		relay: NewServer(ServerConfig{Registry: h.registry, Params: h.table, Statements: h.config.statements}, params),
	}
}

// logIn says the start-up packet and reads up to ReadyForQuery.
func logIn(conn net.Conn, user, database string, more ...pgwire.Param) (params []pgwire.Param, err error) {
	start := append([]pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: database}}, more...)
	if _, err := conn.Write(pgwire.AppendStartup(nil, pgwire.Version30, start)); err != nil {
		return nil, err
	}
	r := pgwire.NewReader(conn, 1<<20)
	for {
		typ, body, err := r.ReadMessage()
		if err != nil {
			return nil, err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.ParameterStatus:
			name, value, err := pgwire.ParseParameterStatus(body)
			if err != nil {
				return nil, err
			}
			params = append(params, pgwire.Param{Name: string(name), Value: string(value)})
		case pgwire.ErrorResponse:
			return nil, errors.New(string(body))
		case pgwire.ReadyForQuery:
			return params, nil
		}
	}
}

// dial returns a connection to the house.
func (h *house) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	h.wg.Go(func() {
		g := &guest{house: h, sender: newSender(ours)}
		if err := g.run(ours); err != nil {
			h.t.Errorf("relay: %v", err)
		}
		ours.Close()
		g.sender.close()
	})
	return theirs, nil
}

// take waits for a server. It is the one that was idle for longest, so that clients change servers often.
func (h *house) take() (*line, error) {
	select {
	case l := <-h.idle:
		for { // what came unasked
			select {
			case b, ok := <-l.reads:
				if !ok {
					return nil, fmt.Errorf("%s is gone", l.name)
				}
				if err := l.absorb(b, h.cut); err != nil {
					return nil, err
				}
				continue
			default:
			}
			return l, nil
		}
	case <-time.After(patience):
		return nil, errors.New("no server came back")
	}
}

// give returns a server, clean.
func (h *house) give(l *line) error {
	if !l.relay.Settled() {
		return fmt.Errorf("%s came back unsettled", l.name)
	}
	if l.relay.Dirty() {
		if err := l.ask("DISCARD ALL", h.cut); err != nil {
			return err
		}
		if l.relay.Dirty() || l.relay.Statements() != 0 {
			return fmt.Errorf("%s is dirty after DISCARD ALL", l.name)
		}
	}
	if h.config.check {
		if err := l.inspect(); err != nil {
			return fmt.Errorf("%w\n%s", err, strings.Join(l.log, "\n"))
		}
	}
	h.idle <- l
	return nil
}

// ask runs a query of ours on a server and waits for its end.
func (l *line) ask(sql string, cut *cutter) error { return l.askBy(l.relay.Ask, sql, cut) }

func (l *line) askBy(messages func([]byte, string) []byte, sql string, cut *cutter) error {
	l.send(messages(nil, sql))
	for !l.relay.Settled() {
		select {
		case b, ok := <-l.reads:
			if !ok {
				return fmt.Errorf("%s went away during %q", l.name, sql)
			}
			if err := l.absorb(b, cut); err != nil {
				return fmt.Errorf("%s: %q: %w", l.name, sql, err)
			}
		case <-time.After(patience):
			return fmt.Errorf("%s did not answer %q", l.name, sql)
		}
	}
	if code, message := l.relay.Failed(); code != "" {
		return fmt.Errorf("%s: %q: %s %s", l.name, sql, code, message)
	}
	return nil
}

func (l *line) absorb(b []byte, cut *cutter) (err error) {
	var o Out
	l.in, err = cut.work(append(l.in, b...), func(part []byte) (int, error) {
		n, err := l.relay.Absorb(part, &o)
		if len(o.Bytes()) > 0 {
			return n, fmt.Errorf("%q is for nobody", o.Bytes())
		}
		return n, err
	})
	return err
}
