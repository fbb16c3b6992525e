package pooler_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"

	"holdfast/internal/pgwire"
)

// wire is a client without a driver, for what no driver does.
type wire struct {
	conn net.Conn
	in   *pgwire.Reader
	pid  uint32
	key  []byte
}

// stopped is an ErrorResponse that ends the connection.
type stopped struct{ pgwire.Notice }

func (e *stopped) Error() string { return e.Severity + " " + e.Code + " " + e.Message }

// enter logs in where no password is asked for.
func enter(address, user, database string) (*wire, error) {
	conn, err := net.DialTimeout("tcp", address, time.Minute)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, in: pgwire.NewReader(conn, 1<<30)}
	start := []pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: database}}
	if err := w.send(pgwire.AppendStartup(nil, pgwire.Version32, start)); err != nil {
		return nil, err
	}
	for {
		typ, body, err := w.in.ReadMessage()
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.BackendKeyData:
			pid, key, err := pgwire.ParseBackendKeyData(body)
			if err != nil {
				return nil, err
			}
			w.pid, w.key = pid, bytes.Clone(key)
		case pgwire.ErrorResponse:
			n, _ := pgwire.ParseNotice(body)
			_ = conn.Close()
			return nil, &stopped{n}
		case pgwire.ReadyForQuery:
			return w, nil
		}
	}
}

func (w *wire) send(b []byte) error {
	_ = w.conn.SetDeadline(time.Now().Add(time.Minute))
	_, err := w.conn.Write(b)
	return err
}

// vanish closes the connection, politely or by a reset.
func (w *wire) vanish(reset bool) {
	if tcp, ok := w.conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = w.conn.Close()
}

// answer is what came up to one ReadyForQuery.
type answer struct {
	rows []string
	code string // of the error, if there was one
	text string // its message
	ends string // the status
}

func (a answer) row() string { return strings.Join(a.rows, ",") }

// answer reads up to ReadyForQuery. A FATAL is an error.
func (w *wire) answer() (a answer, err error) {
	_ = w.conn.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		typ, body, err := w.in.ReadMessage()
		if err != nil {
			return a, err
		}
		switch pgwire.BackendType(typ) {
		case pgwire.DataRow:
			values, err := pgwire.ParseDataRow(body, nil)
			if err != nil {
				return a, err
			}
			a.rows = append(a.rows, string(bytes.Join(values, []byte("|"))))
		case pgwire.BackendCopyData:
			a.rows = append(a.rows, strings.TrimSuffix(string(body), "\n"))
		case pgwire.CopyInResponse:
			return a, nil
		case pgwire.ErrorResponse:
			n, err := pgwire.ParseNotice(body)
			if err != nil {
				return a, err
			}
			if n.Fatal() {
				return a, &stopped{n}
			}
			if a.code != "" {
				return a, fmt.Errorf("two errors in one answer: %s and %s", a.code, n.Code)
			}
			a.code, a.text = n.Code, n.Message
		case pgwire.ReadyForQuery:
			a.ends = string(body)
			return a, nil
		}
	}
}

// ask returns an extended query with one parameter, without its Sync.
func ask(b []byte, name, sql, value string) []byte {
	if sql != "" {
		b = pgwire.AppendParse(b, name, sql, nil)
	}
	b = pgwire.AppendBind(b, "", name, nil, [][]byte{[]byte(value)}, nil)
	return pgwire.AppendExecute(pgwire.AppendDescribe(b, pgwire.TargetPortal, ""), "", 0)
}
