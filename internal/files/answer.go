package files

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"holdfast/internal/blob"
)

// Every answer that carries a stored file, or says why it does not, goes through this file: the headers that make it
// harmless are set in one place.

const (
	// sandboxed lets nothing in a file run, load or navigate.
	sandboxed = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"
	// maxRanges bounds the parts of one answer (RFC 9110 section 17.15); more are answered with the whole file.
	maxRanges = 8
	// retryAfter, in seconds, goes with 503.
	retryAfter = "5"
)

var (
	safePolicy   = one(sandboxed)
	safeSniff    = one("nosniff")
	safeReferrer = one("no-referrer")
	sameSite     = one("same-site")
	crossOrigin  = one("cross-origin")
	acceptRanges = one("bytes")
)

func setSafe(h fields, policy, embedding []string) {
	h.share("Content-Security-Policy", policy)
	h.share("X-Content-Type-Options", safeSniff)
	h.share("Referrer-Policy", safeReferrer)
	h.share("Cross-Origin-Resource-Policy", embedding)
}

// answer is one file as one request gets it.
type answer struct {
	entry  *entry
	shape  shape
	name   string // what it is called when saved
	access access
	cache  string // Cache-Control
	cdn    string // CDN-Cache-Control (RFC 9213), "" for none
}

// setHeaders writes everything but Content-Length and Content-Range.
func (a *answer) setHeaders(h fields) {
	policy, embedding := a.access.safe, sameSite
	if a.shape.page {
		policy = one(a.access.pagePolicy())
	}
	if a.access.shared {
		embedding = crossOrigin
	}
	setSafe(h, policy, embedding)
	a.access.setCORS(h)
	h.set("Content-Type", a.shape.contentType)
	h.set("Content-Disposition", contentDisposition(a.shape.inline, a.name))
	h.set("Cache-Control", a.cache)
	if a.cdn != "" {
		h.set("Cdn-Cache-Control", a.cdn)
	}
	e := a.entry
	h.share("Etag", e.etag)
	h.share("Last-Modified", e.lastModified)
	h.share("Accept-Ranges", acceptRanges)
	if e.digest != nil {
		h.share("Repr-Digest", e.digest)
	}
	if e.encoding != nil {
		h.share("Content-Encoding", e.encoding)
	}
	if e.language != nil {
		h.share("Content-Language", e.language)
	}
}

// send answers a GET or HEAD. The error says that the file cannot be read; nothing was sent then.
func (f *Files) send(w http.ResponseWriter, r *http.Request, a *answer) error {
	if a.entry.body == nil {
		return f.sendFile(w, r, a)
	}
	a.setHeaders(webFields(w.Header()))
	if conditional(r.Header) {
		serveContent(w, r, a.entry, bytes.NewReader(a.entry.body))
		return nil
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.entry.body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.entry.body) // the visitor is gone: nobody is left to tell
	}
	return nil
}

// sendFile answers with a file that is not kept in memory. An *os.File reaches the connection as such, so that the
// kernel copies it (sendfile).
func (f *Files) sendFile(w http.ResponseWriter, r *http.Request, a *answer) error {
	b, err := f.store.Open(r.Context(), a.entry.id.BlobName())
	if err != nil {
		return err
	}
	defer b.Close()
	var content io.ReadSeeker = b
	if filer, ok := b.(blob.Filer); ok {
		content = filer.File()
	}
	a.setHeaders(webFields(w.Header()))
	serveContent(w, r, a.entry, content)
	return nil
}

// conditional reports whether an answer may be other than the whole file.
func conditional(h http.Header) bool {
	for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since"} {
		if len(h[name]) > 0 {
			return true
		}
	}
	return false
}

// serveContent leaves conditions and ranges to the standard library, which keeps their order (RFC 9110 section 13.2.2).
func serveContent(w http.ResponseWriter, r *http.Request, e *entry, content io.ReadSeeker) {
	if strings.Count(r.Header.Get("Range"), ",") >= maxRanges {
		whole := *r
		whole.Header = r.Header.Clone()
		whole.Header.Del("Range")
		r = &whole
	}
	if e.encoding != nil && r.Header.Get("Range") == "" {
		w.Header().Set("Content-Length", strconv.FormatInt(e.size, 10)) // the library leaves it out beside an encoding
	}
	http.ServeContent(w, r, "", e.modified, content)
}

// gone reports errors that mean that the blob is no more.
func gone(err error) bool { return errors.Is(err, blob.ErrNotFound) }
