package relay

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/pgwire"
)

// talk is a client that says bytes and hears messages, without a driver's help.
type talk struct {
	t     testing.TB
	conn  net.Conn
	wire  *pgwire.Reader
	known map[string]string // reported parameters
}

// answer is one message of a server.
type answer struct {
	typ  pgwire.BackendType
	body string
}

// String shows an answer in one line.
func (a answer) String() string {
	switch a.typ {
	case pgwire.ErrorResponse, pgwire.NoticeResponse:
		n, _ := pgwire.ParseNotice([]byte(a.body))
		return fmt.Sprintf("%s %s %s", a.typ, n.Code, n.Message)
	}
	return fmt.Sprintf("%s %.200q", a.typ, a.body)
}

// directTo opens a session on the server itself.
func directTo(t testing.TB, db *pgtest.DB, params ...pgwire.Param) *talk {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(db.Server.Host, ".s.PGSQL."+strconv.Itoa(db.Server.Port)))
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, conn, db, params)
}

// talkTo opens a session through the house.
func (h *house) talkTo(t testing.TB, params ...pgwire.Param) *talk {
	t.Helper()
	conn, err := h.dial(context.Background(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, conn, h.db, params)
}

func begin(t testing.TB, conn net.Conn, db *pgtest.DB, params []pgwire.Param) *talk {
	t.Helper()
	told, err := logIn(&oneByOne{conn}, db.Server.User, db.Name, params...)
	if err != nil {
		t.Fatal(err)
	}
	c := &talk{t: t, conn: conn, wire: pgwire.NewReader(conn, 64<<20), known: map[string]string{}}
	for _, p := range told {
		c.known[p.Name] = p.Value
	}
	t.Cleanup(c.close)
	return c
}

func (c *talk) close() {
	if c.conn != nil {
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		_, _ = c.conn.Write(pgwire.AppendTerminate(nil)) // it may be gone
		_ = c.conn.Close()
		c.conn = nil
	}
}

// say sends messages.
func (c *talk) say(messages ...[]byte) {
	c.t.Helper()
	b := join(messages...)
	done := make(chan error, 1)
	conn := c.conn
	go func() {
		_, err := conn.Write(b)
		done <- err
	}()
	c.t.Cleanup(func() { <-done })
}

// hear reads one message that is not a ParameterStatus.
func (c *talk) hear() (answer, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	for {
		typ, body, err := c.wire.ReadMessage()
		if err != nil {
			return answer{}, err
		}
		if a := (answer{pgwire.BackendType(typ), string(body)}); a.typ != pgwire.ParameterStatus {
			return a, nil
		}
		name, value, err := pgwire.ParseParameterStatus(body)
		if err != nil {
			return answer{}, err
		}
		c.known[string(name)] = string(value)
	}
}

// hearReady reads up to the nth ReadyForQuery.
func (c *talk) hearReady(n int) (answers []answer, err error) {
	for n > 0 {
		a, err := c.hear()
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
		if a.typ == pgwire.ReadyForQuery {
			n--
		}
	}
	return answers, nil
}

// hearEmpty reads up to the ReadyForQuery after an EmptyQueryResponse.
func (c *talk) hearEmpty() (answers []answer, err error) {
	empty := false
	for {
		a, err := c.hear()
		if err != nil {
			return answers, err
		}
		answers = append(answers, a)
		empty = empty || a.typ == pgwire.EmptyQueryResponse
		if empty && a.typ == pgwire.ReadyForQuery {
			return answers, nil
		}
	}
}

// ask sends messages and returns what is answered up to the nth ReadyForQuery, one line for each message.
func (c *talk) ask(n int, messages ...[]byte) string {
	c.t.Helper()
	c.say(messages...)
	answers, err := c.hearReady(n)
	if err != nil {
		c.t.Fatalf("%v, after\n%s", err, lines(answers))
	}
	return lines(answers)
}

func lines(answers []answer) string {
	var b strings.Builder
	for _, a := range answers {
		b.WriteString(a.String() + "\n")
	}
	return b.String()
}

func join(messages ...[]byte) (b []byte) {
	for _, m := range messages {
		b = append(b, m...)
	}
	return b
}

// Short names for messages of a client.
func mQuery(sql string) []byte                    { return pgwire.AppendQuery(nil, sql) }
func mParse(name, sql string, o ...uint32) []byte { return pgwire.AppendParse(nil, name, sql, o) }
func mBind(portal, name string, values ...string) []byte {
	var v [][]byte
	for _, s := range values {
		v = append(v, []byte(s))
	}
	return pgwire.AppendBind(nil, portal, name, nil, v, nil)
}
func mDescribe(kind byte, name string) []byte    { return pgwire.AppendDescribe(nil, kind, name) }
func mExecute(portal string, rows uint32) []byte { return pgwire.AppendExecute(nil, portal, rows) }
func mClose(kind byte, name string) []byte       { return pgwire.AppendClose(nil, kind, name) }
func mSync() []byte                              { return pgwire.AppendSync(nil) }
func mFlush() []byte                             { return pgwire.AppendFlush(nil) }
func mCopyData(s string) []byte                  { return pgwire.AppendCopyData(nil, []byte(s)) }
func mCopyDone() []byte                          { return pgwire.AppendBare(nil, pgwire.FrontendCopyDone) }
func mCopyFail() []byte                          { return pgwire.AppendCopyFail(nil, "no more") }

// differ shows where two texts begin to differ, "" if they do not.
func differ(got, want string) string {
	if got == want {
		return ""
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(g) && i < len(w) && g[i] == w[i] {
		i++
	}
	part := func(l []string) string { return strings.Join(l[max(0, i-8):min(len(l), i+6)], "\n") }
	return fmt.Sprintf("line %d:\n%s\n--- directly:\n%s", i, part(g), part(w))
}
