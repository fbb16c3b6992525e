package httpcache

import (
	"net/http"
	"time"
)

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
	return status != http.StatusOK || v.r.Header["Range"] == nil && !v.conditional()
}

// conditional reports whether the request has conditions (RFC 9110 section 13.1).
func (v *visitor) conditional() bool {
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if v.r.Header[name] != nil {
			return true
		}
	}
	return false
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
		if at != f.length { // else only the end is missing, which comes when the answer is stored
			_ = flush.Flush() // a visitor that is gone is found out by the next write
		}
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
