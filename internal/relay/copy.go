package relay

import "holdfast/internal/pgwire"

// copyData handles data of a COPY. What comes when nobody takes it belongs to a COPY that failed.
func (c *Client) copyData(m message, o *Out) (int, error) {
	s := c.server
	if s == nil || s.skip || s.queue.empty() {
		return c.ignore(m)
	}
	s.trial.end() // of a COPY, which has no result that could change
	if m.typ != pgwire.FrontendCopyData {
		s.flushed = false // a Flush that came before was ignored
		if s.copyIn {
			s.copyIn = false
		} else {
			s.queue.push(opCopyEnd, 0)
		}
	}
	return c.pass(m, o)
}

// beginCopyIn handles the server's invitation to send COPY data. It ignores every Sync that it reads before the end of the data;
// but when the COPY fails before it has read one (a trigger, a cancel request), that Sync is answered. Nobody can tell which
// of the two happened until an answer comes to something that was sent later. Until then these Syncs are doubtful: a
// ReadyForQuery more than was expected is theirs, and the server is not given back.
func (s *Server) beginCopyIn(kind op) {
	s.copyIn, s.copying = true, true
	var group flags
	synced := false
	for {
		i := s.queue.find(1, opSync, opCopyEnd)
		if i == s.queue.size || i > 1 { // what stands between ends the COPY, so the Sync after it is not ignored (PostgreSQL 13)
			break
		}
		f, end := s.queue.at(i).flags, s.queue.at(i).op == opCopyEnd
		s.queue.remove(i)
		if end {
			s.copyIn = false
			break
		}
		synced = true
		s.doubtful++
		s.countSync(f, -1)
		group |= f & (changed | touched)
	}
	s.regroup(group)
	if synced && kind == opExecute && s.queue.find(1, opSync, opQuery) == s.queue.size {
		s.open = true // its Sync is still to come
	}
}

// regroup makes what stood before Syncs that were ignored belong to the next one.
func (s *Server) regroup(f flags) {
	i := s.queue.find(1, opSync, opSync)
	if i == s.queue.size {
		s.group |= f
		return
	}
	e := s.queue.at(i)
	f &^= e.flags
	e.flags |= f
	s.countSync(f, 1)
}

// sync handles a Sync.
func (c *Client) sync(s *Server, m message, o *Out) (int, error) {
	s.skip, s.used = false, false
	if s.copyIn {
		s.doubtful++
		return c.pass(m, o)
	}
	alone := s.queue.size == 0 || s.queue.size == 1 && s.copying
	s.open = false
	s.pushSync(0)
	n, err := c.pass(m, o)
	if s.doubtful > 0 && alone && c.mode == Transaction {
		s.clearDoubt(o)
	}
	return n, err
}

// clearDoubt asks, after a COPY that has ended, something whose answer proves that all before it is answered.
func (s *Server) clearDoubt(o *Out) {
	s.queue.push(opClose, hidden)
	s.pushSync(hidden)
	o.put(pgwire.AppendSync(pgwire.AppendClose(o.buffer(), pgwire.TargetPortal, nobody)))
}
