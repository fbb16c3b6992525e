package assets

import (
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ServeHTTP answers requests below the URL of the assets.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := r.Header
	q := Query{
		Method: r.Method, Path: r.URL.Path,
		AcceptEncoding: joined(h["Accept-Encoding"]), Origin: first(h["Origin"]),
		IfMatch: joined(h["If-Match"]), IfUnmodifiedSince: first(h["If-Unmodified-Since"]),
		IfNoneMatch: joined(h["If-None-Match"]), IfModifiedSince: first(h["If-Modified-Since"]),
		Range: first(h["Range"]), IfRange: first(h["If-Range"]),
	}
	if q.Method == http.MethodOptions {
		a.preflight(w, q.Origin)
		return
	}
	answer := a.Answer(&q)
	if answer.Status == http.StatusNotFound && a.maybeElsewhere(r.Context(), q.Path) {
		answer = a.Answer(&q)
	}
	a.send(w, &q, answer)
}

// Answer finds the answer to a GET or HEAD in what this process has in memory; see [Query]. A program that gets
// StatusNotFound hands the request to ServeHTTP, which asks whether another node published the name a moment ago.
func (a *Assets) Answer(q *Query) Answer {
	answer := a.set.Load().answer(q)
	a.meters.count(&answer)
	return answer
}

// send writes an answer.
func (a *Assets) send(w http.ResponseWriter, q *Query, answer Answer) {
	switch answer.Status {
	case http.StatusOK, http.StatusPartialContent:
		a.sendBytes(w, q, answer)
	case http.StatusNotModified:
		answer.setCommon(w.Header())
		w.WriteHeader(http.StatusNotModified)
	case http.StatusRequestedRangeNotSatisfiable:
		w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(answer.Variant.Size, 10))
		refuse(w, q.Method, answer.Status)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", allowed)
		refuse(w, q.Method, answer.Status)
	default:
		refuse(w, q.Method, answer.Status)
	}
}

const allowed = "GET, HEAD, OPTIONS"

// sendBytes sends a variant or a part of it. A file that is not in memory reaches the connection as such, so that the
// kernel copies it (sendfile).
func (a *Assets) sendBytes(w http.ResponseWriter, q *Query, answer Answer) {
	v := answer.Variant
	var file io.ReadCloser
	if !v.whole() && q.Method == http.MethodGet && answer.Length > 0 {
		f, err := v.open(answer.Start, answer.Length)
		if err != nil {
			a.log.Error("an asset cannot be read", "name", v.resource.Name, "error", err)
			refuse(w, q.Method, http.StatusInternalServerError)
			return
		}
		defer f.Close()
		file = f
	}
	h := w.Header()
	for i := range v.fields {
		h[v.fields[i].key] = v.fields[i].value
	}
	answer.setOrigin(h)
	if answer.Status == http.StatusPartialContent {
		h.Set("Content-Length", strconv.FormatInt(answer.Length, 10))
		h.Set("Content-Range", contentRange(&answer))
	}
	w.WriteHeader(answer.Status)
	switch { // an error means that the visitor is gone: nobody is left to tell
	case q.Method == http.MethodHead:
	case v.whole():
		_, _ = w.Write(v.memory.bytes[answer.Start : answer.Start+answer.Length])
	case file != nil:
		_, _ = io.CopyN(w, file, answer.Length)
	}
}

// setCommon writes the header of a 304 (RFC 9110 section 15.4.5).
func (a *Answer) setCommon(h http.Header) {
	for _, f := range a.Variant.resource.common {
		h[f.key] = f.value
	}
	h["Etag"] = []string{a.Variant.ETag}
	a.setOrigin(h)
}

func (a *Answer) setOrigin(h http.Header) {
	if a.AllowOrigin != "" {
		h["Access-Control-Allow-Origin"] = []string{a.AllowOrigin}
	}
}

// refuse answers without a representation. Nobody may keep it: what is not there now may be published in a moment.
func refuse(w http.ResponseWriter, method string, status int) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	text := strings.ToLower(http.StatusText(status)) + "\n"
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if method != http.MethodHead {
		_, _ = io.WriteString(w, text) // the visitor is gone: nobody is left to tell
	}
}

// preflight answers OPTIONS (Fetch standard, section 4.8). Assets are the same for everybody, so any header may be sent.
func (a *Assets) preflight(w http.ResponseWriter, origin string) {
	h, c := w.Header(), a.set.Load().cors
	h.Set("Allow", allowed)
	h.Set("Cache-Control", "no-store")
	allow := c.allow(origin)
	if c.any {
		allow = "*"
	}
	if allow != "" {
		h.Set("Access-Control-Allow-Origin", allow)
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "600")
	}
	if !c.any {
		h.Set("Vary", "Origin")
	}
	w.WriteHeader(http.StatusNoContent)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// joined puts the lines of a list into one (RFC 9110 section 5.3).
func joined(values []string) string {
	if len(values) < 2 {
		return first(values)
	}
	return strings.Join(values, ", ")
}
