package files

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/link"
	"holdfast/internal/objects"
)

// publicCaching is said about public objects whose writer said nothing: a few minutes, then ask again by ETag.
const publicCaching = "public, max-age=300"

// serveMedia answers everything under the media URL, "<url><bucket>/<key>": with the parameter hf a link, without it an
// object of a public bucket. Private, missing and misspelled are the same 404.
func (f *Files) serveMedia(w http.ResponseWriter, r *http.Request) {
	at, ok := f.mediaRef(r)
	if !ok {
		f.refuse(w, r, link.ErrNotLink)
		return
	}
	if hf := r.URL.Query().Get("hf"); hf != "" {
		f.serveQueryLink(w, r, hf, at)
		return
	}
	f.servePublic(w, r, at)
}

// mediaRef reads bucket and key from the path.
func (f *Files) mediaRef(r *http.Request) (objects.Ref, bool) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), f.mediaURL)
	bucket, escaped, ok2 := strings.Cut(rest, "/")
	key, err := url.PathUnescape(escaped)
	if !ok || !ok2 || err != nil || key == "" || !validBucket(bucket) {
		return objects.Ref{}, false
	}
	return objects.Ref{Bucket: bucket, Key: key}, true
}

func (f *Files) serveQueryLink(w http.ResponseWriter, r *http.Request, hf string, at objects.Ref) {
	l, err := link.ParseGetQuery(hf, at.Key[strings.LastIndexByte(at.Key, '/')+1:])
	if err != nil {
		f.refuse(w, r, err)
		return
	}
	f.serveGrant(w, r, l, &at)
}

func (f *Files) servePublic(w http.ResponseWriter, r *http.Request, at objects.Ref) {
	acc := f.access(r.Context(), at.Bucket, r.Header.Get("Origin"), requestMethod(r))
	o, e, err := f.public(r.Context(), at)
	switch {
	case err != nil:
		f.refuse(w, r, err)
		return
	case r.Method == http.MethodOptions:
		acc.preflight(w, r)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		f.refuse(w, r, link.ErrNotLink)
		return
	}
	a := &answer{entry: e, access: acc, name: link.CleanName(at.Key), cache: publicCaching}
	if o.Headers.CacheControl != "" {
		a.cache = o.Headers.CacheControl
	}
	a.shape = e.shape("", false, acc.inline)
	if err := f.send(w, r, a); err != nil {
		f.refuse(w, r, hidden(err))
		return
	}
	f.links.count(served)
}

// public finds an object of a public bucket. An object that is replaced between the two looks is looked up again.
func (f *Files) public(ctx context.Context, at objects.Ref) (objects.Object, *entry, error) {
	b, err := f.index.Bucket(ctx, at.Bucket)
	if err != nil {
		return objects.Object{}, nil, hidden(err)
	}
	if !b.Public {
		return objects.Object{}, nil, link.ErrNotLink
	}
	var o objects.Object
	var e *entry
	for range 2 {
		if o, err = f.index.Head(ctx, at); err != nil {
			break
		}
		if e, err = f.lookup(ctx, o.Blob); err == nil || !gone(err) {
			break
		}
	}
	return o, e, hidden(err)
}

// hidden turns every kind of absence into one error.
func hidden(err error) error {
	var fe *fault.Error
	if errors.As(err, &fe) && (fe.Kind == fault.NotFound || fe.Kind == fault.Invalid) {
		return link.ErrNotLink
	}
	return err
}
