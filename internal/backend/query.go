package backend

import (
	"context"
	"errors"
	"slices"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

// ErrNoRow is what QueryRow returns when the statement returned none.
var ErrNoRow = errors.New("no row")

// Exec runs statements by the simple query protocol; rows are ignored. The session must be idle. When ctx ends first the
// session is lost: see Err.
func (c *Conn) Exec(ctx context.Context, sql string) error {
	_, err := c.run(ctx, "query", pgwire.AppendQuery(nil, sql))
	return err
}

// QueryRow runs a statement and returns the first row's values as text, nil for NULL, or ErrNoRow. With arguments, which
// are sent as text and stand for $1, $2 …, it uses an unnamed prepared statement. For the rest see Exec.
func (c *Conn) QueryRow(ctx context.Context, sql string, args ...string) ([][]byte, error) {
	message := pgwire.AppendQuery(nil, sql)
	if len(args) > 0 {
		values := make([][]byte, len(args))
		for i, a := range args {
			values[i] = []byte(a)
		}
		message = pgwire.AppendParse(nil, "", sql, nil)
		message = pgwire.AppendBind(message, "", "", nil, values, nil)
		message = pgwire.AppendSync(pgwire.AppendExecute(message, "", 0))
	}
	row, err := c.run(ctx, "query", message)
	if err == nil && row == nil {
		return nil, ErrNoRow
	}
	return row, err
}

// Check asks the server for a sign of life: an empty query, there and back.
func (c *Conn) Check(ctx context.Context) error {
	_, err := c.run(ctx, "check the session", pgwire.AppendQuery(nil, ""))
	return err
}

// Reset makes the session as good as new: ROLLBACK when it is in a transaction, then DISCARD ALL. It begins with a Sync,
// which tells whether the server is where we think it is; a session that is not (it has answers left to give, or waits
// for the data of a COPY) is an error, and lost.
func (c *Conn) Reset(ctx context.Context) error {
	const op = "reset the session"
	if _, err := c.run(ctx, op, pgwire.AppendSync(nil), pgwire.ReadyForQuery); err != nil {
		return err
	}
	if c.status != pgwire.Idle {
		if _, err := c.run(ctx, op, pgwire.AppendQuery(nil, "ROLLBACK")); err != nil {
			return err
		}
	}
	_, err := c.run(ctx, op, pgwire.AppendQuery(nil, "DISCARD ALL"))
	return err
}

// run sends messages that end in one ReadyForQuery and reads up to it. It returns the first row, and the first error that
// the server reports. Given types, any other answer than those is one to a question that we did not ask.
func (c *Conn) run(ctx context.Context, op string, message []byte, only ...pgwire.BackendType) (row [][]byte, err error) {
	if c.err != nil {
		return nil, c.err
	}
	if err := ctx.Err(); err != nil {
		return nil, broken(op, interrupted(ctx, err))
	}
	release := guard(ctx, c.nc)
	a := answer{conn: c, op: op, only: only}
	err = a.exchange(message)
	if late := release(); late && err == nil {
		err = context.Cause(ctx) // the deadline may have cut anything
	}
	if err != nil {
		c.Fail(broken(op, lost(interrupted(ctx, err))))
		return nil, c.err
	}
	if a.refusal != nil {
		return nil, a.refusal
	}
	return a.row, nil
}

// lost explains the end of a connection.
func lost(err error) error {
	if fault.KindOf(err) != fault.Internal || errors.As(err, new(*pgwire.ProtocolError)) {
		return err
	}
	return fault.New(fault.Unavailable, "backend_lost", "the connection to the server was lost: %w", err)
}

// answer gathers what the server says to one question.
type answer struct {
	conn    *Conn
	op      string
	only    []pgwire.BackendType
	row     [][]byte
	refusal error
}

func (a *answer) exchange(message []byte) error {
	if _, err := a.conn.nc.Write(message); err != nil {
		return err
	}
	head := make([]byte, pgwire.HeaderSize)
	for {
		typ, body, err := readMessage(a.conn.nc, head, maxMessage)
		if err != nil {
			return err
		}
		done, err := a.take(typ, body)
		if done || err != nil {
			return err
		}
	}
}

func (a *answer) take(typ pgwire.BackendType, body []byte) (done bool, err error) {
	if async, err := a.conn.noteAsync(typ, body); async {
		return false, err
	}
	if len(a.only) > 0 && typ != pgwire.ErrorResponse && !slices.Contains(a.only, typ) {
		return false, strange("unexpected %s: the server answers something else", typ)
	}
	switch typ {
	case pgwire.ReadyForQuery:
		return true, a.conn.noteReady(body)
	case pgwire.ErrorResponse:
		n, err := pgwire.ParseNotice(body)
		if err != nil {
			return false, err
		}
		e := refused(a.op, n)
		if n.Fatal() {
			return false, e
		}
		if a.refusal == nil {
			a.refusal = e
		}
	case pgwire.DataRow:
		if a.row == nil {
			a.row, err = pgwire.ParseDataRow(body, [][]byte{})
		}
	case pgwire.CopyInResponse, pgwire.CopyBothResponse:
		return false, strange("COPY is not for Exec and QueryRow")
	}
	return false, err
}
