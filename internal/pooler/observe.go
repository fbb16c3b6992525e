package pooler

import (
	"context"
	"strconv"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/relay"
)

// Auditor keeps the record of who did what; *audit.Writer is one. Its methods must not wait.
type Auditor interface {
	Admit(ctx context.Context) error
	Write(r *audit.Record)
}

// witness is the relay.Observer of one session: it writes a record for each statement.
type witness struct {
	session *session
	audit   Auditor
	text    bool
	running [noted]running // those under way, by their note
	next    uint64
}

// noted is how many statements of one client can be under way and still be told apart: of a client that pipelines more, the
// older ones are recorded without class and fingerprint.
const noted = 8

// running is a statement that is under way.
type running struct {
	note  relay.Note
	class audit.Class
	print uint64
	began time.Time
	text  []byte
}

// Begin implements relay.Observer.
func (w *witness) Begin(text []byte) relay.Note {
	w.next++
	s := &w.running[w.next%noted]
	s.note, s.began = relay.Note(w.next), w.session.worker.loop.Now()
	s.class, s.print = audit.Digest(text)
	if w.text {
		s.text = append(s.text[:0], text...)
	}
	return s.note
}

// End implements relay.Observer.
func (w *witness) End(n relay.Note, tag, sqlstate []byte) {
	r := w.session.record(audit.Statement)
	now := w.session.worker.loop.Now()
	r.Time, r.SQLSTATE, r.Rows = now, string(sqlstate), rowsOf(tag)
	if s := &w.running[uint64(n)%noted]; s.note == n {
		r.Statement, r.Fingerprint, r.Time, r.Duration, r.Text = s.class, s.print, s.began, now.Sub(s.began), s.text
	}
	if srv := w.session.server; srv != nil {
		r.BackendPID = srv.backend.PID()
	}
	w.audit.Write(&r)
}

// record returns what is the same in all records of a session.
func (s *session) record(e audit.Event) audit.Record { return s.who.record(e) }

func (who *identity) record(e audit.Event) audit.Record {
	return audit.Record{
		Event: e, Person: who.person, Proven: who.decision.Proven, Database: who.database, User: who.user, Class: who.class,
		Method: string(who.decision.Method), Client: who.peer, Rows: -1,
	}
}

// rowsOf returns the number at the end of a command tag, -1 when there is none.
func rowsOf(tag []byte) int64 {
	for i := len(tag) - 1; i >= 0; i-- {
		if tag[i] != ' ' {
			continue
		}
		if n, err := strconv.ParseInt(string(tag[i+1:]), 10, 64); err == nil {
			return n
		}
		break
	}
	return -1
}

// retryAudit is how often a session that may not go on asks again.
const retryAudit = 50 * time.Millisecond

// admitted reports whether the client's next statement may run. While the record of who did what has no room it waits, and
// then its client is told.
func (s *session) admitted() bool {
	a := s.pooler.opts.Auditor
	if a == nil || a.Admit(s.pooler.expired) == nil {
		s.unadmitted = time.Time{}
		return true
	}
	now := s.worker.loop.Now()
	if s.unadmitted.IsZero() {
		s.unadmitted = now
	}
	if now.Sub(s.unadmitted) > s.pooler.config.Audit.OnFullWait.D() {
		s.fail(&refusal{noticeOf(audit.ErrFull, "FATAL")})
		return false
	}
	s.stall()
	s.worker.loop.After(retryAudit, s.resume)
	return false
}
