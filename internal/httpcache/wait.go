package httpcache

import (
	"net/http"
	"time"
)

// ask has the application asked, once for all who want the same. It reports false when the visitor should look again.
func (v *visitor) ask(o *object, slot string, known bool, seen int64) bool {
	key := slot
	if !known {
		key = slot + "\n?" + v.id.extras // nobody knows yet what tells the answers apart
	}
	lead := &leader{v.w, v.r}
	launch := func() *flight {
		f := v.c.newFlight(v.s, v.id, v.r, o, lead)
		f.varied = known
		return f
	}
	if _, _, alone := v.c.passes.Peek(key); alone || v.id.auth {
		f := launch()
		f.note = key
		return v.lead(f)
	}
	if seen < 0 {
		seen = v.c.store.changes.Load()
	}
	f, mine := v.c.join(key, seen, launch)
	switch {
	case f == nil:
		return false
	case mine:
		return v.lead(f)
	}
	return v.follow(f)
}

// lead starts a flight and waits for it as its leader.
func (v *visitor) lead(f *flight) bool {
	defer f.leave()
	trace, ok := f.start()
	if !ok {
		v.pass("fwd=bypass")
		return true
	}
	select {
	case <-f.decided:
	case <-v.r.Context().Done():
		if f.abandon() {
			return true
		}
		<-f.decided
	}
	trace()
	switch f.outcome {
	case direct:
		v.c.tell(v.r.Context(), v.id.rule, missOf(f.old))
		<-f.done
		if f.panicked != nil {
			panic(f.panicked)
		}
	case failed:
		<-f.done
		if f.panicked != nil {
			panic(f.panicked)
		}
		return false
	case shared:
		v.share(f, true)
	default:
		return v.reuse(f, "")
	}
	return true
}

// follow waits for a flight that another one leads.
func (v *visitor) follow(f *flight) bool {
	defer f.leave()
	limit := time.NewTimer(v.until.Sub(v.c.now()))
	defer limit.Stop()
	select {
	case <-f.decided:
	case <-v.r.Context().Done():
		return true
	case <-limit.C:
		v.tired(f)
		return true
	}
	switch f.outcome {
	case shared:
		if v.id.choice(v.r, f.obj.selectors, "") != f.id.choice(f.asking, f.obj.selectors, "") {
			return false // it wants another answer of the address
		}
		if f.known {
			v.share(f, false)
			return true
		}
		return v.whole(f, limit.C)
	case updated, stale:
		return v.reuse(f, "; collapsed")
	case failed:
		if f.old != nil {
			return false
		}
	}
	v.pass("fwd=uri-miss; detail=not-shared")
	return true
}

// tired goes on without the flight: with what is stored, if it may be given to those whose application fails, else alone.
func (v *visitor) tired(f *flight) {
	if now := v.c.now(); f.old != nil && f.old.staleIfError(now) {
		v.give(f.old, Stale, "hit; ttl="+ttl(f.old, now)+"; detail=stale-if-error")
		return
	}
	v.pass("fwd=uri-miss; detail=tired-of-waiting")
}

// whole waits until an answer whose length nobody knew is over, and gives it.
func (v *visitor) whole(f *flight, limit <-chan time.Time) bool {
	select {
	case <-f.done:
	case <-f.overflow:
		v.pass("fwd=uri-miss; detail=too-long")
		return true
	case <-v.r.Context().Done():
		return true
	case <-limit:
		v.tired(f)
		return true
	}
	if _, _, ok := f.spool.whole(); !ok {
		v.pass("fwd=uri-miss; detail=broke-off")
		return true
	}
	v.share(f, false)
	return true
}

// reuse gives the stored answer of a flight that found it fresh, or found the application failing.
func (v *visitor) reuse(f *flight, note string) bool {
	now := v.c.now()
	o, result, said := f.old, Stale, "hit; ttl="+ttl(f.old, now)+"; detail=stale-if-error"+note
	if f.outcome == updated {
		o, result = f.obj, Revalidated
		said = "fwd=stale; fwd-status=304; ttl=" + ttl(o, now) + note
	}
	v.give(o, result, said)
	return true
}

// share gives the answer that is in the spool, as it comes.
func (v *visitor) share(f *flight, leads bool) {
	result, said := missOf(f.old), forwarded(f.old, f.varied)+"; fwd-status="+itoa(f.status)
	if leads {
		said += "; stored"
	} else {
		result, said = Collapsed, said+"; collapsed"
	}
	v.c.tell(v.r.Context(), v.id.rule, result)
	if !v.plain(f.obj.status) && v.settled(f) {
		v.giveSpooled(f, said)
		return
	}
	h := v.w.Header()
	copyHeader(h, f.obj.header)
	if f.obj.initialAge > time.Second {
		h.Set("Age", itoa(int(f.obj.age(v.c.now())/time.Second)))
	}
	setStatus(h, said)
	v.w.WriteHeader(f.obj.status)
	if v.r.Method != http.MethodHead {
		v.stream(f, leads)
	}
}

// plain reports whether the visitor gets the answer as it is: no part, no conditions, with its body.
func (v *visitor) plain(status int) bool {
	if v.r.Method == http.MethodHead {
		return false
	}
	if status != http.StatusOK {
		return true
	}
	for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if v.r.Header[name] != nil {
			return false
		}
	}
	return true
}

// settled waits until a body is over and whole.
func (v *visitor) settled(f *flight) bool {
	select {
	case <-f.done:
	case <-f.overflow:
		return false
	case <-v.r.Context().Done():
		panic(http.ErrAbortHandler)
	}
	_, _, ok := f.spool.whole()
	return ok
}

// stream copies the body as it comes. What breaks off is cut for the visitor, too.
func (v *visitor) stream(f *flight, leads bool) {
	flush := http.NewResponseController(v.w)
	var at int64
	for {
		n, more, err := f.spool.next(v.w, at)
		at += n
		switch {
		case more == nil && err == nil:
			continue
		case more == nil:
			finished(err)
			return
		}
		var beyond <-chan struct{}
		if leads {
			beyond = f.overflow
		}
		_ = flush.Flush() // a visitor that is gone is found out by the next write
		select {
		case <-more:
		case <-beyond:
			if n, _, _ := f.spool.next(v.w, at); n > 0 {
				at += n
				continue
			}
			close(f.drained)
			<-f.done
			if f.panicked != nil {
				panic(f.panicked)
			}
			return
		case <-v.r.Context().Done():
			return
		}
	}
}
