package files

import (
	"context"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/link"
	"holdfast/internal/objects"
)

// serveLink answers everything under /m/. What a stranger can tell apart is written in the package comment.
func (f *Files) serveLink(w http.ResponseWriter, r *http.Request) {
	l, err := link.ParseGet(r.URL.EscapedPath())
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	f.serveGrant(w, r, l, nil)
}

// serveGrant verifies a well-formed link and serves its blob. at, if not nil, is where the URL says that the blob lies.
func (f *Files) serveGrant(w http.ResponseWriter, r *http.Request, l link.GetLink, at *objects.Ref) {
	key := f.keys.find(l.KeyID)
	err := f.verify(key, l, f.session(r), r.Method, f.now())
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	e, err := f.linked(r.Context(), l, key.Bucket())
	if err == nil && at != nil && (e.bucket != at.Bucket || e.key != at.Key) {
		err = link.ErrRefused
	}
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	f.sendLink(w, r, l, e)
}

// verify checks the proof, the method and the length of the link's life. Of the key itself only the index knows whether
// it lives.
func (f *Files) verify(key *link.Key, l link.GetLink, session, method string, now time.Time) error {
	err := key.VerifyGet(l, session, now)
	switch {
	case err != nil:
		return err
	case l.Expires > now.Add(f.config.LongestLink()).Unix():
		return link.ErrRefused // signed by a helper that was asked for more than the configuration allows
	case method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions:
		return link.ErrRefused
	}
	return nil
}

// session returns the value of the configured cookie.
func (f *Files) session(r *http.Request) string {
	if f.config.SessionCookie == "" || len(r.Header["Cookie"]) == 0 {
		return ""
	}
	c, err := r.Cookie(f.config.SessionCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// sendLink answers with the blob of a link that is good.
func (f *Files) sendLink(w http.ResponseWriter, r *http.Request, l link.GetLink, e *entry) {
	acc := f.access(r.Context(), e.bucket, r.Header.Get("Origin"), requestMethod(r))
	if r.Method == http.MethodOptions {
		acc.preflight(w, r)
		return
	}
	a := f.linkAnswer(l, e, acc, f.now())
	if err := f.send(w, r, a); err != nil {
		f.refuse(w, r, f.lost(err, e.id))
		return
	}
	f.links.count(served)
}

// linkAnswer is how the link presents its blob.
func (f *Files) linkAnswer(l link.GetLink, e *entry, acc access, now time.Time) *answer {
	a := &answer{entry: e, name: l.Name, access: acc}
	a.shape = e.shape(override(l.MediaType), l.Attachment, acc.inline)
	a.cache, a.cdn = linkCaching(l, lifeOf(l, e, now))
	return a
}

// lifeOf is how long the link can be used for this blob, in whole seconds.
func lifeOf(l link.GetLink, e *entry, now time.Time) int64 {
	return remaining(now, time.Unix(l.Expires, 0), e.expires)
}

// linked finds the blob of a genuine link of the bucket. Everything that is wrong with it looks alike from outside.
func (f *Files) linked(ctx context.Context, l link.GetLink, bucket string) (*entry, error) {
	id, err := f.alive(l)
	if err != nil {
		return nil, err
	}
	e, err := f.lookup(ctx, id)
	if err != nil {
		return nil, f.lost(err, id)
	}
	if e.bucket != bucket {
		return nil, link.ErrRefused
	}
	return e, nil
}

// alive returns the blob of a link, unless it is known to have died.
func (f *Files) alive(l link.GetLink) (id objects.BlobID, err error) {
	if _, err := hex.Decode(id[:], []byte(l.Blob)); err != nil || f.index.Dead(id) {
		return id, link.ErrRefused
	}
	return id, nil
}

// lookup finds an entry that has not expired.
func (f *Files) lookup(ctx context.Context, id objects.BlobID) (*entry, error) {
	e, err := f.entries.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if e.over(f.now()) {
		return nil, blob.ErrNotFound
	}
	return e, nil
}

// over reports whether the object's own time has passed.
func (e *entry) over(now time.Time) bool { return !e.expires.IsZero() && !now.Before(e.expires) }

// lost turns the absence of a blob into the refusal of its link, and leaves other errors as they are.
func (f *Files) lost(err error, id objects.BlobID) error {
	if !gone(err) {
		return err
	}
	f.entries.forget(id)
	return link.ErrRefused
}

// override returns the type that a link asks for when it is one that a link may ask for.
func override(mediaType string) string {
	if mediaType == "" || harmless[mediaType] {
		return mediaType
	}
	return octets
}

// linkCaching returns Cache-Control and CDN-Cache-Control. No cache keeps an answer longer than the link lives, shared
// caches keep it only if the link says so, and what is bound to a session is asked for again each time: the next person
// at the same browser has another.
func linkCaching(l link.GetLink, life int64) (cache, cdn string) {
	age := "max-age=" + strconv.FormatInt(life, 10)
	switch {
	case l.Shared:
		return "public, " + age + ", immutable", "public, " + age
	case l.Bound:
		return "private, no-cache", ""
	}
	return "private, " + age + ", immutable", ""
}

// remaining is the time until the first of some ends, in whole seconds and never negative.
func remaining(now time.Time, ends ...time.Time) int64 {
	least := int64(1 << 31) // RFC 9111 section 1.2.2
	for _, end := range ends {
		if !end.IsZero() {
			least = min(least, end.Unix()-now.Unix())
		}
	}
	return max(least, 0)
}

// requestMethod is the method that is asked for, or asked about in a preflight.
func requestMethod(r *http.Request) string {
	if r.Method == http.MethodOptions {
		return r.Header.Get("Access-Control-Request-Method")
	}
	return r.Method
}
