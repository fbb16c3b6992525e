package relay

import (
	"errors"
	"fmt"

	"holdfast/internal/pgwire"
)

// ErrOutOfStep means that an answer came that nobody asked for, or that cannot be an answer to what was asked. Client and
// server have to be closed: nobody knows whose answers these are.
var ErrOutOfStep = errors.New("server out of step")

// Server is the protocol state of one server session. It is not safe for concurrent use.
type Server struct {
	queue    queue
	status   byte // of the last ReadyForQuery
	open     bool // extended messages were sent since the last Sync or Query
	flushed  bool // and a Flush after them
	used     bool // a Bind or an Execute was among them
	copyIn   bool // it takes COPY data, and ignores Sync
	copying  bool // it asked for COPY data, and has not said how the COPY ended
	skip     bool // it ignores everything up to a Sync, which was not sent yet
	broken   bool // it said that it ends
	doubtful int  // Syncs that it may have ignored, see beginCopyIn

	group   flags // changed and touched: what was done since the last Sync
	changes int   // Syncs in the queue with the flag changed
	touches int   // and with the flag touched

	left int  // bytes still to come of the message under way
	hide bool // and they are swallowed
	done bool // and they are the last of the answer at the head of the queue

	trial trial
	asked *node  // its client waits for the shape of this one's result
	over  []byte // to be sent, see Client.Over
	odd   bool   // the transaction under way has changed the results of statements, and that may be undone

	statements statements
	unnamed    uint64 // serial of the unnamed statement that it has when all is done that was sent, 0 when nobody's
	standing   uint64 // serial of the unnamed statement that it has now, as far as its answers tell
	portals    uint64 // serial of the transaction, for statements.oldest
	table      *ParamTable
	params     *Params
	settings   *Settings
	dirty      bool          // it holds state of a client that only DISCARD ALL removes
	failed     string        // SQLSTATE of a hidden query that failed
	failure    pgwire.Notice // what else the server said of that: message, detail and hint
	found      []bool        // which statements of a hidden query had rows
	heard      bool          // a client is attached: it is told what comes unasked while a query of ours runs
}

// ServerConfig is what server sessions share.
type ServerConfig struct {
	Registry   *Registry
	Params     *ParamTable
	Statements int // prepared statements that one session may keep; 200 is usual
}

// NewServer returns the state of a session that has just become ready, with the parameters that it reported.
func NewServer(c ServerConfig, params []pgwire.Param) *Server {
	s := &Server{status: pgwire.Idle, table: c.Params, params: c.Params.Intern(params)}
	s.statements.init(c.Registry, c.Statements)
	return s
}

// Params returns the parameters as the server reported them last.
func (s *Server) Params() *Params { return s.params }

// Status returns the transaction status that ReadyForQuery told last: 'I', 'T' or 'E'.
func (s *Server) Status() byte { return s.status }

// Broken reports whether the server said that it ends.
func (s *Server) Broken() bool { return s.broken }

// Settled reports whether the server owes nothing and is outside a transaction.
func (s *Server) Settled() bool {
	return s.queue.empty() && s.status == pgwire.Idle && !s.open && !s.copyIn && !s.skip && s.doubtful == 0 && s.left == 0 && !s.broken
}

// Midway reports whether only a part of a message has been handed on to the client: nothing may be told it now.
func (s *Server) Midway() bool { return s.left > 0 && !s.hide }

// TakesCopy reports whether it takes COPY data: it waits for its client.
func (s *Server) TakesCopy() bool { return s.copyIn }

// Owes returns how many answers are expected.
func (s *Server) Owes() int { return s.queue.size }

// Dirty reports whether the session has to be reset before another client may have it. In session mode every session that a
// client has used is dirty.
func (s *Server) Dirty() bool { return s.dirty }

// Statements returns how many prepared statements the session has.
func (s *Server) Statements() int { return len(s.statements.byName) }

// Close forgets what the session had.
func (s *Server) Close() { s.statements.clear() }

// Ask appends a query of ours, whose answers are hidden, to what is to be sent. The server must be settled. Its answers go
// to [Server.Absorb], also while a client is attached.
func (s *Server) Ask(dst []byte, sql string) []byte {
	s.queue.push(opQuery, hidden|touches)
	s.failed, s.failure, s.unnamed, s.found = "", pgwire.Notice{}, 0, nil
	return pgwire.AppendQuery(dst, sql)
}

// ownStatement is the name of the statement of askBeside, which is there while it runs.
const ownStatement = "holdfast: one statement of its own"

// askBeside is Ask for one statement. A Query takes the unnamed statement away; this leaves it.
func (s *Server) askBeside(dst []byte, sql string) []byte {
	for _, o := range [...]op{opClose, opParse, opBind, opExecute, opClose, opSync} {
		s.queue.push(o, hidden)
	}
	s.failed, s.failure, s.found = "", pgwire.Notice{}, nil
	dst = pgwire.AppendClose(dst, pgwire.TargetStatement, ownStatement) // of one that has failed
	dst = pgwire.AppendParse(dst, ownStatement, sql, nil)
	dst = pgwire.AppendBind(dst, ownStatement, ownStatement, nil, nil, nil)
	dst = pgwire.AppendExecute(dst, ownStatement, 0)
	return pgwire.AppendSync(pgwire.AppendClose(dst, pgwire.TargetStatement, ownStatement))
}

// Failed returns the SQLSTATE and message of the last Ask when it failed, else "". A server on which what Settle returned
// has failed is not the client's and must not be attached: PostgreSQL runs such a text whole or not at all.
func (s *Server) Failed() (code, message string) { return s.failed, s.failure.Message }

// Failure returns how the last Ask failed, for the client that it was for: SQLSTATE, message, detail and hint.
func (s *Server) Failure() pgwire.Notice { return s.failure }

// Absorb takes what a server says while no client is attached, or while Ask is answered: what comes unasked, too. Notifications
// are collected in o for the client that is attached. An answer that nobody waits for is ErrOutOfStep.
func (s *Server) Absorb(in []byte, o *Out) (int, error) { return s.backward(nil, in, o) }

// pushSync expects the answer to a Sync.
func (s *Server) pushSync(f flags) {
	f |= s.group
	s.group = 0
	s.countSync(f, 1)
	s.queue.push(opSync, f)
}

// countSync counts Syncs that come into the queue or leave it.
func (s *Server) countSync(f flags, n int) {
	if f&changed != 0 {
		s.changes += n
	}
	if f&touched != 0 {
		s.touches += n
	}
}

func (s *Server) outOfStep(typ byte) error {
	head := s.queue.first()
	if head == nil {
		return fmt.Errorf("%w: %s, and nothing was asked", ErrOutOfStep, pgwire.BackendType(typ))
	}
	return fmt.Errorf("%w: %s as an answer of kind %d", ErrOutOfStep, pgwire.BackendType(typ), head.op)
}

// reset notes that the session is as after log-in, but for parameters, which the server reports itself, and the unnamed
// statement, which DISCARD ALL leaves alone.
func (s *Server) reset() {
	s.statements.clear()
	s.settings, s.dirty = nil, false
}
