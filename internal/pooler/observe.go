package pooler

import (
	"context"
	"strconv"
	"time"

	"holdfast/internal/audit"
)

// Auditor keeps the record of who did what; *audit.Writer is one. Its methods must not wait.
type Auditor interface {
	Admit(ctx context.Context) error
	Write(r *audit.Record)
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
