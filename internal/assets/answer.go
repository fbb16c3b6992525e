package assets

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Query is everything in a request for an asset that its answer depends on; "" for a field that is not there.
type Query struct {
	Method string
	Path   string // decoded, with the URL of the assets at its beginning

	AcceptEncoding, Origin                       string
	IfMatch, IfUnmodifiedSince                   string
	IfNoneMatch, IfModifiedSince, Range, IfRange string
}

// Answer is what to send. Variant is nil when there is no representation to send: the status says why.
type Answer struct {
	Status  int
	Variant *Variant
	// Start and Length are the bytes of the variant that make the body.
	Start, Length int64
	// AllowOrigin is the value of Access-Control-Allow-Origin, or "". Where the answer depends on it, Vary says so already.
	AllowOrigin string
}

// Answer finds the answer to a GET or HEAD. It allocates nothing, asks nobody, and knows no net/http, so that any listener
// can use it: see Variant.Head.
func (s *set) answer(q *Query) Answer {
	name, ok := strings.CutPrefix(q.Path, s.url)
	r := s.resources[name]
	switch {
	case !ok || r == nil:
		return Answer{Status: http.StatusNotFound}
	case q.Method != http.MethodGet && q.Method != http.MethodHead:
		return Answer{Status: http.StatusMethodNotAllowed}
	}
	v := choose(r.variants, q.AcceptEncoding)
	if v == nil {
		return Answer{Status: http.StatusNotAcceptable}
	}
	a := Answer{Status: http.StatusOK, Variant: v, Length: v.Size}
	if q.Origin != "" {
		a.AllowOrigin = s.cors.allow(q.Origin)
	}
	a.Status = q.precondition(r, v)
	if a.Status == http.StatusOK && q.Range != "" && q.Method == http.MethodGet {
		a.cut(q, r)
	}
	return a
}

// precondition evaluates the conditions in the order of RFC 9110 section 13.2.2.
func (q *Query) precondition(r *Resource, v *Variant) int {
	switch {
	case q.IfMatch != "":
		if !matches(q.IfMatch, v.ETag, true) {
			return http.StatusPreconditionFailed
		}
	case q.IfUnmodifiedSince != "":
		if t, err := http.ParseTime(q.IfUnmodifiedSince); err == nil && r.modified.After(t) {
			return http.StatusPreconditionFailed
		}
	}
	switch {
	case q.IfNoneMatch != "":
		if matches(q.IfNoneMatch, v.ETag, false) {
			return http.StatusNotModified
		}
	case q.IfModifiedSince != "":
		if t, err := http.ParseTime(q.IfModifiedSince); err == nil && !r.modified.After(t) {
			return http.StatusNotModified
		}
	}
	return http.StatusOK
}

// matches looks for an entity tag in a list (section 13.1.1, 13.1.2). A weak tag is never equal in a strong comparison.
func matches(list, etag string, strong bool) bool {
	for list = trimSpace(list); list != ""; {
		if list[0] == '*' {
			return true
		}
		weak := strings.HasPrefix(list, "W/")
		rest := strings.TrimPrefix(list, "W/")
		if rest == "" || rest[0] != '"' {
			return false // no entity tag: what follows cannot be trusted either
		}
		end := strings.IndexByte(rest[1:], '"')
		if end < 0 {
			return false
		}
		if rest[:end+2] == etag && !(strong && weak) {
			return true
		}
		list = strings.TrimLeft(rest[end+2:], " \t,")
	}
	return false
}

// cut applies the Range header (section 14.2). Several ranges, and what is no range of bytes, are answered with the whole.
func (a *Answer) cut(q *Query, r *Resource) {
	if q.IfRange != "" && !a.unchanged(q.IfRange, r) {
		return
	}
	start, length, ok := parseRange(q.Range, a.Variant.Size)
	switch {
	case !ok:
	case length == 0:
		a.Status, a.Start, a.Length = http.StatusRequestedRangeNotSatisfiable, 0, 0
	default:
		a.Status, a.Start, a.Length = http.StatusPartialContent, start, length
	}
}

// unchanged evaluates If-Range (section 13.1.5). A time is no proof where an asset has several codings: they share it.
func (a *Answer) unchanged(ifRange string, r *Resource) bool {
	if strings.HasPrefix(ifRange, `"`) {
		return ifRange == a.Variant.ETag
	}
	t, err := http.ParseTime(ifRange)
	return err == nil && len(r.variants) == 1 && t.Equal(r.modified) && time.Since(r.modified) > time.Minute
}

// parseRange reads one range of bytes (section 14.1.2). ok is false for what is to be ignored; a length of 0 cannot be
// satisfied.
func parseRange(header string, size int64) (start, length int64, ok bool) {
	const unit = "bytes="
	if len(header) < len(unit) || !strings.EqualFold(header[:len(unit)], unit) {
		return 0, 0, false
	}
	first, last, dash := strings.Cut(trimSpace(header[len(unit):]), "-")
	if !dash {
		return 0, 0, false
	}
	from, okFrom := parsePosition(first)
	to, okTo := parsePosition(last)
	switch {
	case first == "" && okTo: // the last n bytes
		length = min(to, size)
		return size - length, length, true
	case okFrom && last == "":
		to = size - 1
	case !okFrom || !okTo || to < from:
		return 0, 0, false
	}
	if from >= size {
		return 0, 0, true
	}
	return from, min(to, size-1) - from + 1, true
}

func parsePosition(text string) (int64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && len(text) > 0 {
		return 1<<63 - 1, true // more than any file has
	}
	return n, err == nil
}
