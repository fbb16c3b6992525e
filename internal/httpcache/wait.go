package httpcache

import "time"

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
		if o == nil && v.conditional() { // the application may say that the visitor has it already
			v.pass("fwd=uri-miss; detail=not-shared")
			return true
		}
		f := launch()
		f.note, f.alone = key, true
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
	start := f.start
	if f.alone {
		start = f.here
	}
	trace, ok := start()
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
		if !f.alone {
			v.share(f, true)
			return true
		}
		v.c.tell(v.r.Context(), v.id.rule, missOf(f.old)) // it has the answer already
		if f.panicked != nil {
			panic(f.panicked)
		}
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
		if f.length >= 0 {
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
