package content

import "time"

// entry returns a source as the queue knows it, with nothing done about it yet.
func (s *settings) entry(name string, due time.Time) *entry {
	cfg := s.Sources[name]
	e := &entry{name: name, cfg: cfg, poll: cfg.Poll.D(), due: due}
	if e.poll == 0 {
		e.poll = s.Poll.D()
	}
	return e
}

// set takes over the sources of settings. New ones and those that changed are due at once, and what is being synced is
// left to end, since its sync keeps the settings it began with.
func (q *queue) set(s *settings) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for name := range s.Sources {
		fresh := s.entry(name, now)
		if old := q.entries[name]; old != nil {
			old.become(fresh)
		} else {
			q.entries[name] = fresh
		}
	}
	for name, e := range q.entries {
		if _, ok := s.Sources[name]; ok {
			continue
		}
		q.orphan = append(q.orphan, e.waiting...)
		e.waiting, e.gone = nil, true
		if !e.running {
			delete(q.entries, name)
		}
	}
	q.wake.Up()
}

// become takes over the settings of a source that stays, or comes back.
func (e *entry) become(fresh *entry) {
	switch {
	case e.gone || changed(e.cfg, fresh.cfg):
		e.due, e.again, e.failures = fresh.due, e.running, 0
	case e.poll != fresh.poll:
		e.due = fresh.due.Add(fresh.poll)
		if fresh.poll == 0 {
			e.due = time.Time{}
		}
	}
	e.cfg, e.poll, e.gone = fresh.cfg, fresh.poll, false
}

// orphans takes out the requests that nobody will answer.
func (q *queue) orphans() []request {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.orphan
	q.orphan = nil
	return all
}
