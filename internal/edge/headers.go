package edge

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/lane"
)

// policy is the header that every answer carries.
type policy struct {
	fields []field
	hsts   string // over HTTPS only (RFC 6797 section 7.2)
}

// field is one line of it.
type field struct {
	name, value string
	values      []string // the value, for headers: shared by all answers, and never written to
	mark        []byte   // what a written line of that name looks like
}

func newPolicy(h Headers) policy {
	var p policy
	for _, f := range []field{
		{name: "X-Content-Type-Options", value: h.ContentTypeOptions},
		{name: "Referrer-Policy", value: h.ReferrerPolicy},
		{name: "X-Frame-Options", value: h.FrameOptions},
		{name: "Permissions-Policy", value: h.PermissionsPolicy},
		{name: "Content-Security-Policy", value: h.ContentSecurityPolicy},
	} {
		if f.value != "" {
			f.values = []string{f.value}
			f.mark = []byte("\r\n" + f.name + ": ")
			p.fields = append(p.fields, f)
		}
	}
	if h.HSTS > 0 {
		p.hsts = "max-age=" + strconv.FormatInt(int64(h.HSTS.D()/time.Second), 10)
		if h.HSTSSubdomains {
			p.hsts += "; includeSubDomains"
		}
	}
	return p
}

// wrap sets the header before anybody answers.
func (p policy) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, f := range p.fields {
			h[f.name] = f.values
		}
		if p.hsts != "" && visitOf(r.Context()).Proto == "https" {
			h["Strict-Transport-Security"] = []string{p.hsts}
		}
		next.ServeHTTP(w, r)
	})
}

// add adds to an answer of the lane what it does not say itself. The lane speaks plain HTTP, but perhaps to a proxy that speaks HTTPS.
func (p policy) add(r *lane.Reply, secure bool) {
	written := r.Written()
	for _, f := range p.fields {
		if !says(written, f.mark) {
			r.Header(f.name, f.value)
		}
	}
	if secure && p.hsts != "" && !says(written, []byte("\r\nStrict-Transport-Security: ")) {
		r.Header("Strict-Transport-Security", p.hsts)
	}
}

// says reports whether there is a line of the name that mark has.
func says(written, mark []byte) bool {
	return bytes.Contains(written, mark) || bytes.HasPrefix(written, mark[2:])
}
