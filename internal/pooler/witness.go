package pooler

import (
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/relay"
)

// connectionFailure is recorded of a statement whose end nobody learned: it may have been done.
const connectionFailure = "08006"

// witness is the relay.Observer of one session: it writes a record for each statement, however many are under way. The relay bounds
// them: it takes no more before answers come.
type witness struct {
	session *session
	audit   Auditor
	text    bool
	request string // the web request that the client has named for what follows
	running map[relay.Note]*running
	spare   []*running
	limit   int // of running, before what has ended is forgotten
	next    relay.Note
}

// noted is how many statements are remembered before what has ended is forgotten.
const noted = 8

// running is a statement that is under way.
type running struct {
	class   audit.Class
	print   uint64
	began   time.Time
	request string // named in the text
	sets    bool   // it names the request for what follows
	live    bool   // it is under way
	text    []byte
}

// Begin implements relay.Observer.
func (w *witness) Begin(text []byte) relay.Note {
	if len(w.running) >= w.limit {
		w.forget()
	}
	w.next++
	r := &running{}
	if n := len(w.spare); n > 0 {
		r, w.spare = w.spare[n-1], w.spare[:n-1]
	}
	w.running[w.next] = r
	r.began = w.session.worker.loop.Now()
	r.class, r.print = audit.Digest(text)
	r.request, r.sets = requestIn(text)
	if w.text {
		r.text = append(r.text[:0], text...)
	}
	return w.next
}

// forget makes place for further statements: that of those which have ended, and more if few have.
func (w *witness) forget() {
	if w.running == nil {
		w.running = map[relay.Note]*running{}
	}
	live := 0
	w.session.relay.Notes(func(n relay.Note) {
		if r := w.running[n]; r != nil && !r.live {
			r.live = true
			live++
		}
	})
	w.limit = max(noted, 2*live)
	for n, r := range w.running {
		if r.live {
			r.live = false
			continue
		}
		delete(w.running, n)
		if len(w.spare) < noted {
			w.spare = append(w.spare, r)
		}
	}
}

// End implements relay.Observer.
func (w *witness) End(n relay.Note, tag, sqlstate []byte) {
	r := w.session.record(audit.Statement)
	now := w.session.worker.loop.Now()
	r.Time, r.SQLSTATE, r.Rows, r.RequestID = now, string(sqlstate), rowsOf(tag), w.request
	if s := w.running[n]; s != nil {
		r.Statement, r.Fingerprint, r.Time, r.Duration, r.Text = s.class, s.print, s.began, now.Sub(s.began), s.text
		switch {
		case s.sets && len(sqlstate) == 0:
			w.request = s.request
			r.RequestID = s.request
		case s.request != "" && !s.sets:
			r.RequestID = s.request
		}
	}
	if srv := w.session.server; srv != nil {
		r.BackendPID = srv.backend.PID()
	}
	w.audit.Write(&r)
}
