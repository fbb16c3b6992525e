package console

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"holdfast/internal/pgwire"
)

// The names of the virtual databases. They differ in nothing but what SHOW VERSION says first.
const (
	PgBouncer = "pgbouncer"
	Holdfast  = "holdfast"
)

// compatible is the version of PgBouncer whose tables and commands the console has.
const compatible = "PgBouncer 1.25.2"

// Bounds of what one session can make us remember.
const (
	maxRemembered = 512     // statements, and portals
	flushAt       = 1 << 16 // bytes of answer that are sent before it is complete
)

// Identity is who uses the console.
type Identity struct {
	User     string
	Database string // PgBouncer or Holdfast, as the client named it
	Admin    bool   // may do everything; others may only SHOW
}

// Options of a session. The zero value is usable.
type Options struct {
	Version string       // of Holdfast
	PID     uint32       // of BackendKeyData, for pg_backend_pid()
	Log     *slog.Logger // gets a line for each command that does something
}

// Session is a client of the console. Its methods other than Cancel are for one goroutine.
type Session struct {
	src  Source
	id   Identity
	opts Options

	status     byte // of ReadyForQuery
	failed     bool // messages are ignored until Sync
	set        map[string]string
	statements map[string]*statement
	portals    map[string]*portal
	out        []byte
	w          io.Writer

	// mu protects the following.
	mu     sync.Mutex
	cancel context.CancelFunc // of the command that runs; nil between commands
}

// New returns a session of a client that has logged in.
func New(src Source, id Identity, opts Options) *Session {
	id.Database = cmp.Or(id.Database, PgBouncer)
	opts.Version = cmp.Or(opts.Version, "unknown")
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Session{
		src: src, id: id, opts: opts, status: pgwire.Idle,
		set: map[string]string{}, statements: map[string]*statement{}, portals: map[string]*portal{},
	}
}

// Serve answers messages until the client terminates or goes, which is no error, or ctx ends. Before the first call the
// caller has sent everything up to ReadyForQuery, with Params among it. The caller ends a wait for messages by closing
// the stream; a command that runs ends with ctx, and the client gets 57P01.
func (s *Session) Serve(ctx context.Context, r *pgwire.Reader, w io.Writer) error {
	s.w = w
	for {
		typ, body, err := r.ReadMessage()
		if err != nil {
			return s.leave(ctx, err)
		}
		if pgwire.FrontendType(typ) == pgwire.Terminate {
			return nil
		}
		if err := s.message(ctx, pgwire.FrontendType(typ), body); err != nil {
			return s.leave(ctx, err)
		}
	}
}

// leave says good-bye, if there is anybody and anything to say.
func (s *Session) leave(ctx context.Context, err error) error {
	var broken *pgwire.ProtocolError
	switch {
	case errors.As(err, &broken):
		s.out = pgwire.AppendError(s.out, pgwire.Notice{Severity: "FATAL", Code: broken.SQLState(), Message: broken.Reason})
	case ctx.Err() != nil:
		s.out = pgwire.AppendError(s.out, endingOf(ctx))
		err = ctx.Err()
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
	return errors.Join(err, s.flush())
}

// Ending is the cause of a context that ends a session, when the client is to read why.
type Ending struct{ Message, Hint string }

func (e *Ending) Error() string { return e.Message }

// endingOf says why a session ends with its context.
func endingOf(ctx context.Context) pgwire.Notice {
	n := pgwire.Notice{Severity: "FATAL", Code: stateShutdown, Message: "terminating connection due to administrator command"}
	if e := (*Ending)(nil); errors.As(context.Cause(ctx), &e) {
		n.Message, n.Hint = e.Message, e.Hint
	}
	return n
}

// Cancel ends the command that runs, if there is one: the client gets 57014. It may be called at any time.
func (s *Session) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

// message answers one message. An error ends the session.
func (s *Session) message(ctx context.Context, typ pgwire.FrontendType, body []byte) error {
	if s.failed && typ != pgwire.Sync {
		return nil
	}
	switch typ {
	case pgwire.Query:
		text, err := pgwire.ParseQuery(body)
		if err != nil {
			return err
		}
		return s.query(ctx, string(text))
	case pgwire.Sync:
		s.failed = false
		s.endPortals()
		return s.ready()
	case pgwire.Flush:
		return s.flush()
	case pgwire.FunctionCall:
		s.refuse(refuse(stateNotSupported, "the console has no functions to call"))
		return s.ready()
	case pgwire.FrontendCopyData, pgwire.FrontendCopyDone, pgwire.CopyFail:
		return nil // of a COPY that never began; PostgreSQL ignores them too
	}
	err := s.extended(ctx, typ, body)
	if own := (*Error)(nil); errors.As(err, &own) {
		s.refuse(own)
		s.failed = true
		return nil
	}
	return err
}

// isConsole reports whether a database is one of the virtual ones.
func (s *Session) isConsole(name string) bool { return name == PgBouncer || name == Holdfast }

// version is what SHOW VERSION says. Programs look for "PgBouncer" and a number.
func (s *Session) version() string {
	if s.id.Database == Holdfast {
		return "Holdfast " + s.opts.Version + " (compatible with " + compatible + ")"
	}
	return compatible + " compatible (Holdfast " + s.opts.Version + ")"
}

// note logs that a command was given, and by whom.
func (s *Session) note(command, argument string) {
	s.opts.Log.Info("console command", "command", command, "argument", argument, "user", s.id.User)
}
