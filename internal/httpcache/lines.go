package httpcache

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"holdfast/internal/lane"
)

// lines are the header of a stored answer as the lane writes it, made when it is first asked for: what net/http would write, but for
// Content-Length, Age, and what this cache says in Cache-Status.
type lines struct {
	once      sync.Once
	usual     []byte
	unchanged []byte // of a 304; nil when conditions do not concern the answer
	dated     bool   // there is a Date among them
	odd       bool   // it is not for the lane

	etag     string
	modified time.Time // zero: not known
}

// of makes the lines of an object: by sending it as to a visitor of net/http, so that both say the same.
func (l *lines) of(o *object) *lines {
	l.once.Do(func() {
		l.odd = o.header["X-Request-Id"] != nil || o.header["Trailer"] != nil
		l.dated = o.header["Date"] != nil
		l.usual = headerOf(o, nil)
		if o.status == http.StatusOK {
			l.unchanged = headerOf(o, http.Header{"If-None-Match": {"*"}})
			l.etag = o.header.Get("Etag")
			l.modified, _ = http.ParseTime(o.header.Get("Last-Modified"))
		}
	})
	return l
}

// headerOf is what send says to a request with some fields.
func headerOf(o *object, fields http.Header) []byte {
	w := &deaf{header: http.Header{}}
	v := &visitor{w: w, r: &http.Request{Method: http.MethodHead, Header: fields}}
	v.send(o, bytes.NewReader(o.body), "", time.Time{})
	said := w.header["Cache-Status"]
	w.header["Cache-Status"] = said[:len(said)-1]
	delete(w.header, "Content-Length")
	delete(w.header, "Age")
	var r lane.Reply
	for _, name := range slices.Sorted(maps.Keys(w.header)) {
		for _, value := range w.header[name] {
			r.Header(name, value)
		}
	}
	return slices.Clone(r.Written())
}

// deaf is a visitor who hears the header only.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(b []byte) (int, error) { return len(b), nil }
func (d *deaf) WriteHeader(int)             {}
