package pooler_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgwire"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// patience is how long a test waits for what has to come, on a machine that has other things to do.
const patience = 30 * time.Second

// wire is a client that sends exactly what a test says, byte by byte.
type wire struct {
	t      testing.TB
	conn   net.Conn
	in     *pgwire.Reader
	pid    uint32
	key    []byte
	params map[string]string
	minor  uint32 // as negotiated, where it was
}

// wire logs a client in.
func (s *site) wire(t testing.TB, endpoint int, params ...pgwire.Param) *wire {
	t.Helper()
	w := s.dial(t, endpoint)
	if err := w.logIn(s, pgwire.Version30, params...); err != nil {
		t.Fatal(err)
	}
	return w
}

// dial only connects.
func (s *site) dial(t testing.TB, endpoint int) *wire {
	t.Helper()
	conn, err := net.DialTimeout("tcp", s.pooler.Addr(endpoint), patience)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, conn)
}

// straight logs in to PostgreSQL itself, as the same role.
func (s *site) straight(t testing.TB) *wire {
	t.Helper()
	conn, err := net.DialTimeout("unix", fmt.Sprintf("%s/.s.PGSQL.%d", s.db.Server.Host, s.db.Server.Port), patience)
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, conn)
	if err := w.logIn(s, pgwire.Version30); err != nil {
		t.Fatal(err)
	}
	return w
}

func newWire(t testing.TB, conn net.Conn) *wire {
	t.Cleanup(func() { _ = conn.Close() })
	w := &wire{t: t, conn: conn, in: pgwire.NewReader(conn, 1<<30), params: map[string]string{}}
	w.renew()
	return w
}

func (w *wire) renew() { _ = w.conn.SetDeadline(time.Now().Add(patience)) }

// startup returns the parameters that name the site's own role and database, and others.
func (s *site) startup(more ...pgwire.Param) []pgwire.Param {
	return append([]pgwire.Param{{Name: "user", Value: s.role()}, {Name: "database", Value: s.db.Name}}, more...)
}

func (s *site) role() string { return "app_" + s.db.Name }

// refusedError is an ErrorResponse.
type refusedError struct{ pgwire.Notice }

func (e *refusedError) Error() string { return e.Severity + " " + e.Code + " " + e.Message }

// logIn sends the start-up message and goes on until ReadyForQuery.
func (w *wire) logIn(s *site, version pgwire.Version, more ...pgwire.Param) error {
	return w.enter(pgwire.AppendStartup(nil, version, s.startup(more...)), password)
}

func (w *wire) enter(startup []byte, word string) error {
	w.renew()
	if _, err := w.conn.Write(startup); err != nil {
		return err
	}
	var client *scram.Client
	for {
		typ, body, err := w.in.ReadMessage()
		if err != nil {
			return err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.Authentication:
			if client, err = w.prove(client, word, body); err != nil {
				return err
			}
		case pgwire.BackendKeyData:
			pid, key, err := pgwire.ParseBackendKeyData(body)
			if err != nil {
				return err
			}
			w.pid, w.key = pid, bytes.Clone(key)
		case pgwire.ParameterStatus:
			name, value, _ := pgwire.ParseParameterStatus(body)
			w.params[string(name)] = string(value)
		case pgwire.NegotiateProtocolVersion:
			w.minor, _, _ = pgwire.ParseNegotiate(body)
		case pgwire.ErrorResponse:
			n, _ := pgwire.ParseNotice(body)
			return &refusedError{n}
		case pgwire.ReadyForQuery:
			return nil
		default:
			return fmt.Errorf("unexpected %q at log-in", typ)
		}
	}
}

// prove answers an authentication request.
func (w *wire) prove(c *scram.Client, word string, body []byte) (*scram.Client, error) {
	r, err := pgwire.ParseAuthentication(body)
	if err != nil {
		return c, err
	}
	switch r.Kind {
	case pgwire.AuthSASL:
		c = scram.NewClient(scram.Credential{Password: secret.New(word)}, scram.Binding{})
		mechanism, err := c.Mechanism(r.Mechanisms)
		if err != nil {
			return c, err
		}
		_, err = w.conn.Write(pgwire.AppendSASLInitial(nil, mechanism, c.First()))
		return c, err
	case pgwire.AuthSASLContinue:
		final, err := c.Final(r.Data)
		if err != nil {
			return c, err
		}
		_, err = w.conn.Write(pgwire.AppendSASLResponse(nil, final))
		return c, err
	case pgwire.AuthSASLFinal:
		return c, c.Verify(r.Data)
	}
	return c, nil
}

// send writes messages.
func (w *wire) send(b []byte) {
	w.t.Helper()
	w.renew()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

// answer is all up to one ReadyForQuery.
type answer struct {
	types  string // of the messages, in order; N, S and A left out
	rows   []string
	tags   []string
	errors []pgwire.Notice
	heard  []string // notifications
	status byte
}

// code returns the SQLSTATE of the only error, "" for none.
func (a answer) code() string {
	if len(a.errors) == 0 {
		return ""
	}
	return a.errors[0].Code
}

// answer reads up to ReadyForQuery.
func (w *wire) answer() answer {
	w.t.Helper()
	a, err := w.next()
	if err != nil {
		w.t.Fatalf("after %q: %v", a.types, err)
	}
	return a
}

// next reads up to ReadyForQuery, or until the connection ends.
func (w *wire) next() (a answer, err error) {
	w.renew()
	for {
		typ, body, err := w.in.ReadMessage()
		if err != nil {
			return a, err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.NoticeResponse, pgwire.ParameterStatus:
			if pgwire.BackendType(typ) == pgwire.ParameterStatus {
				name, value, _ := pgwire.ParseParameterStatus(body)
				w.params[string(name)] = string(value)
			}
			continue
		case pgwire.NotificationResponse:
			_, channel, payload, _ := pgwire.ParseNotification(body)
			a.heard = append(a.heard, string(channel)+":"+string(payload))
			continue
		case pgwire.DataRow:
			values, err := pgwire.ParseDataRow(body, nil)
			if err != nil {
				return a, err
			}
			a.rows = append(a.rows, string(bytes.Join(values, []byte("|"))))
		case pgwire.CommandComplete:
			a.tags = append(a.tags, string(pgwire.ParseCommandTag(body)))
		case pgwire.ErrorResponse:
			n, _ := pgwire.ParseNotice(body)
			a.errors = append(a.errors, n)
		case pgwire.BackendCopyData:
			a.rows = append(a.rows, string(body))
		}
		a.types += string(typ)
		if pgwire.BackendType(typ) == pgwire.ReadyForQuery {
			a.status, err = pgwire.ParseReady(body)
			return a, err
		}
	}
}

// one reads one message.
func (w *wire) one() (byte, []byte) {
	w.t.Helper()
	w.renew()
	typ, body, err := w.in.ReadMessage()
	if err != nil {
		w.t.Fatal(err)
	}
	return typ, bytes.Clone(body)
}

// query runs a simple query.
func (w *wire) query(sql string) answer {
	w.t.Helper()
	w.send(pgwire.AppendQuery(nil, sql))
	return w.answer()
}

// must runs a simple query that has to succeed, and returns its rows, separated by commas.
func (w *wire) must(sql string) string {
	w.t.Helper()
	a := w.query(sql)
	if len(a.errors) > 0 {
		w.t.Fatalf("%s: %s %s", sql, a.errors[0].Code, a.errors[0].Message)
	}
	return strings.Join(a.rows, ",")
}

// asked returns the messages of one extended query with text values.
func asked(name, sql string, values ...string) []byte {
	var b []byte
	if sql != "" {
		b = pgwire.AppendParse(b, name, sql, nil)
	}
	var params [][]byte
	for _, v := range values {
		params = append(params, []byte(v))
	}
	b = pgwire.AppendBind(b, "", name, nil, params, nil)
	b = pgwire.AppendDescribe(b, pgwire.TargetPortal, "")
	return pgwire.AppendExecute(b, "", 0)
}

// ask runs one extended query.
func (w *wire) ask(name, sql string, values ...string) answer {
	w.t.Helper()
	w.send(pgwire.AppendSync(asked(name, sql, values...)))
	return w.answer()
}

// end reads the error that ends the connection, and the end.
func (w *wire) end() pgwire.Notice {
	w.t.Helper()
	a, err := w.next()
	if err == nil || len(a.errors) == 0 {
		w.t.Fatalf("%q, %v; want an error and the end", a.types, err)
	}
	return a.errors[len(a.errors)-1]
}

// gone waits for the end of the connection.
func (w *wire) gone() {
	w.t.Helper()
	var n net.Error
	if a, err := w.next(); err == nil || errors.As(err, &n) && n.Timeout() {
		w.t.Fatalf("%q, %v; want the end", a.types, err)
	}
}
