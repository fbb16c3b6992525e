package files

import (
	"net/http"
	"strings"

	"holdfast/internal/link"
	"holdfast/internal/objects"
)

// privateCaching is said about a file that the application handed over, unless it says something itself.
const privateCaching = "private, no-cache"

// Send answers with an object of any bucket, "bucket/key": the application has decided that this visitor may have it. Headers
// make it as harmless as a link would.
func (f *Files) Send(w http.ResponseWriter, r *http.Request, name string) {
	bucket, key, ok := strings.Cut(name, "/")
	if !ok || key == "" || !validBucket(bucket) {
		f.refuse(w, r, link.ErrNotLink)
		return
	}
	at := objects.Ref{Bucket: bucket, Key: key}
	var e *entry
	var err error
	for range 2 { // an object that is replaced between the two looks is looked up again
		var o objects.Object
		if o, err = f.index.Head(r.Context(), at); err != nil {
			break
		}
		if e, err = f.lookup(r.Context(), o.Blob); err == nil || !gone(err) {
			break
		}
	}
	if err != nil {
		f.refuse(w, r, hidden(err))
		return
	}
	acc := f.access(r.Context(), bucket, r.Header.Get("Origin"), requestMethod(r))
	a := &answer{entry: e, access: acc, name: link.CleanName(key), cache: privateCaching}
	a.shape = e.shape("", false, acc.inline)
	if err := f.send(w, r, a); err != nil {
		f.refuse(w, r, hidden(err))
		return
	}
	f.links.count(served)
}
