package httpcache

import (
	"net/http"
	"time"
)

// object is a stored answer. It does not change; another one takes its place.
type object struct {
	url    string // its address
	slot   string // where it is stored
	choice string // which of the answers of the address it is
	// selectors and salt tell the answers of an address apart. They are those of the object in the slot of the address.
	selectors []string
	salt      string

	serial string // names the body
	status int
	header http.Header // as the application sent it, without what is of one connection or of this cache
	tags   []string
	size   int64
	body   []byte // nil while it is on disk only
	onDisk bool   // the body is on disk only

	asked, came     time.Time // when the application was asked, and answered
	initialAge      time.Duration
	lifetime        time.Duration
	whileRevalidate time.Duration
	ifError         time.Duration
	noCache         bool // never without asking
	strict          bool // never stale
	open            bool // may be given to those with cookies or Authorization: it says public or s-maxage

	lines *lines // for the lane; nil while it is not in memory
}

// keepAsked is how long an answer that can be asked about stays after its time.
const keepAsked = 24 * time.Hour

// grace sets how long the object may be given after its time.
func (o *object) grace(s *settings, d directives) {
	if o.strict {
		return
	}
	o.whileRevalidate, o.ifError = s.whileRevalidate, s.ifError
	if d.whileRevalidate != absent {
		o.whileRevalidate = d.whileRevalidate
	}
	if d.ifError != absent {
		o.ifError = d.ifError
	}
}

func (o *object) age(now time.Time) time.Duration {
	return min(o.initialAge+max(0, now.Sub(o.came)), forever)
}

// left is how long the object is still fresh; below zero it is stale.
func (o *object) left(now time.Time) time.Duration { return o.lifetime - o.age(now) }

func (o *object) fresh(now time.Time) bool { return !o.noCache && o.left(now) > 0 }

func (o *object) staleWhile(now time.Time) bool {
	return o.left(now)+o.whileRevalidate > 0 && !o.noCache
}

func (o *object) staleIfError(now time.Time) bool { return o.left(now)+o.ifError > 0 && !o.strict }

// until is when the object is of no use any more.
func (o *object) until() time.Time {
	keep := max(o.whileRevalidate, o.ifError)
	if hasValidator(o.header) {
		keep = max(keep, keepAsked)
	}
	return o.came.Add(o.lifetime - o.initialAge + keep)
}

// cost is how much memory the object takes.
func (o *object) cost() int64 {
	n := 512 + len(o.slot) + len(o.url) + len(o.body)
	for name, values := range o.header {
		n += 64 + 2*len(name)
		for _, v := range values {
			n += 20 + 2*len(v) // in lines once more
		}
	}
	for _, t := range o.tags {
		n += 16 + len(t)
	}
	return int64(n)
}

// updated returns the object with what a 304 says about it (RFC 9111 section 3.2), or nil when it may not be stored any more.
func (o *object) updated(s *settings, id *identity, h http.Header, asked, now time.Time) *object {
	merged := o.header.Clone()
	changes, tags := storedHeader(h)
	for name, values := range changes {
		switch name {
		case "Content-Length", "Content-Encoding", "Content-Type", "Content-Range":
		default:
			merged[name] = values
		}
	}
	if age, ok := h["Age"]; ok {
		merged["Age"] = age
	}
	fresh, _ := s.judge(id, o.status, merged, asked, now)
	if fresh == nil {
		return nil
	}
	if tags == nil {
		tags = o.tags
	}
	fresh.serial, fresh.tags, fresh.size, fresh.body, fresh.onDisk = o.serial, tags, o.size, o.body, o.onDisk
	return fresh
}

// sameValidator reports whether a 304 speaks of this object.
func (o *object) sameValidator(h http.Header) bool {
	etag := h.Get("Etag")
	return etag == "" || weak(etag) == weak(o.header.Get("Etag"))
}

func weak(etag string) string {
	if len(etag) > 2 && etag[:2] == "W/" {
		return etag[2:]
	}
	return etag
}
