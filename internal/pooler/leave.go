package pooler

import "holdfast/internal/pgwire"

// goodbye is what a client reads when the pooler stops, in PostgreSQL's words.
func goodbye() []byte {
	return pgwire.AppendError(nil, pgwire.Notice{
		Severity: "FATAL", Code: "57P01", Message: "terminating connection due to administrator command",
		Hint: "Holdfast stops or restarts: connect again",
	})
}

// leaveSoon ends the session when its transaction is over.
func (s *session) leaveSoon() {
	if s.closed {
		return
	}
	s.leaving = true
	if s.server == nil && s.state == resting || s.server != nil && s.state == linked && s.server.relay.Settled() {
		s.leaveNow()
	}
}

// leaveNow ends the session.
func (s *session) leaveNow() {
	if s.closed {
		return
	}
	_ = s.tell(goodbye()) // the connection is closed next
	s.end(errStopping)
}

// kill ends the session by an administrator's wish.
func (s *session) kill() {
	if !s.closed {
		_ = s.tell(goodbye())
		s.end(errKilled)
	}
}
