package files

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/lane"
	"holdfast/internal/link"
)

// Lanes returns what of Routes may be answered on an event loop, under the same patterns.
func (f *Files) Lanes() map[string]lane.Handler {
	if f.entries.cache == nil {
		return nil // nothing is kept in memory
	}
	return map[string]lane.Handler{"/m/": linkLane{f}}
}

// linkLane answers GET and HEAD of plain links as serveLink does, as far as memory and open files reach. What is bound to
// a session, conditional, ranged or unknown is not its business.
type linkLane struct{ *Files }

// Answer implements lane.Handler.
func (f linkLane) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	if unusual(q) {
		return lane.NotMine
	}
	l, err := link.ParseGet(string(q.Path))
	if err != nil {
		return f.refuseIn(r, err)
	}
	if l.Bound {
		return lane.NotMine
	}
	key, ok := f.keys.present(l.KeyID)
	if !ok {
		return lane.Wait
	}
	now := f.now()
	if err := f.verify(key, l, "", q.Method, now); err != nil {
		return f.refuseIn(r, err)
	}
	return f.grant(q, r, l, key.Bucket(), now)
}

// unusual reports requests whose answer may be other than the whole file.
func unusual(q *lane.Request) bool {
	for _, name := range [...]lane.Field{
		lane.Range, lane.IfNoneMatch, lane.IfModifiedSince, lane.IfMatch, lane.IfUnmodifiedSince,
	} {
		if q.Get(name) != nil {
			return true
		}
	}
	return false
}

// grant serves a genuine link of the bucket.
func (f linkLane) grant(q *lane.Request, r *lane.Reply, l link.GetLink, bucket string, now time.Time) lane.Verdict {
	id, err := f.alive(l)
	if err != nil {
		return f.refuseIn(r, err)
	}
	e, ok := f.entries.present(id)
	if !ok {
		return lane.Wait
	}
	if e.over(now) || e.bucket != bucket {
		return f.refuseIn(r, link.ErrRefused)
	}
	b, ok := f.index.KnownBucket(e.bucket)
	if !ok {
		return lane.Wait
	}
	if v := f.content(r, e, now); v != lane.Answered {
		return v
	}
	f.header(r, l, e, f.accessTo(e.bucket, b, true, string(q.Get(lane.Origin)), q.Method), now)
	r.Status = http.StatusOK
	f.links.count(served)
	return lane.Answered
}

// laneHead is a header that was sent before, with everything that it depends on besides its entry.
type laneHead struct {
	look  laneLook
	lines []byte
}

// laneLook is what links to one blob may differ in, for requests without an Origin.
type laneLook struct {
	name, mediaType    string
	attachment, cached bool
	embedding, vary    bool
	life               int64 // seconds: while it is the same, so is Cache-Control
}

// header writes the header of a link's answer, for the same presentation within the same second as it was before.
func (f linkLane) header(r *lane.Reply, l link.GetLink, e *entry, acc access, now time.Time) {
	look := laneLook{l.Name, l.MediaType, l.Attachment, l.Shared, acc.shared, acc.vary, lifeOf(l, e, now)}
	if acc.origin == "" {
		if h := e.lane.Load(); h != nil && h.look == look {
			r.Lines(h.lines)
			return
		}
	}
	f.linkAnswer(l, e, acc, now).setHeaders(laneFields{r})
	if acc.origin == "" {
		look.name = strings.Clone(look.name) // it was a part of the request's path
		e.lane.Store(&laneHead{look, bytes.Clone(r.Written())})
	}
}

// content sets the reply's body.
func (f linkLane) content(r *lane.Reply, e *entry, now time.Time) lane.Verdict {
	if e.body != nil {
		r.Body(e.body)
		return lane.Answered
	}
	if e.noFile.Load() {
		return lane.NotMine
	}
	o, ok := f.opened.borrow(e.id, now)
	if !ok {
		return lane.Wait
	}
	r.File(o.file, 0, e.size, o.release)
	return lane.Answered
}

// refuseIn answers as refuse does, for the three ways in which a link is none.
func (f linkLane) refuseIn(r *lane.Reply, err error) lane.Verdict {
	o, status, text := refusal(err)
	if o == unavailable {
		return lane.NotMine
	}
	f.links.count(o)
	setRefusal(laneFields{r}, o)
	r.Status = status
	r.Body([]byte(text))
	return lane.Answered
}

// Warm implements lane.Handler: it brings into memory what a genuine link needs. Whatever goes wrong is told by net/http,
// which is asked next.
func (f linkLane) Warm(ctx context.Context, q *lane.Request) {
	l, err := link.ParseGet(string(q.Path))
	if err != nil {
		return
	}
	key := f.keys.find(l.KeyID)
	if f.verify(key, l, "", q.Method, f.now()) != nil {
		return
	}
	e, err := f.linked(ctx, l, key.Bucket())
	if err != nil {
		return
	}
	if _, err := f.index.Bucket(ctx, e.bucket); err != nil {
		return
	}
	f.open(ctx, e)
}

// open keeps the file of a blob that is not kept in memory.
func (f linkLane) open(ctx context.Context, e *entry) {
	if e.body != nil || e.noFile.Load() {
		return
	}
	b, err := f.store.Open(ctx, e.id.BlobName())
	if err != nil {
		return
	}
	filer, ok := b.(blob.Filer)
	if !ok || b.Info().Size != e.size {
		e.noFile.Store(!ok)
		_ = b.Close() // it was not read
		return
	}
	f.opened.keep(e.id, b, filer.File(), f.now())
}
