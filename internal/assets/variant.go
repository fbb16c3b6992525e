package assets

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// Variant is an asset in one coding, ready to be sent. It is shared by all requests: nobody changes it.
type Variant struct {
	Coding Coding
	Size   int64
	ETag   string
	Path   string
	// Head are the lines of a 200 or 206 answer's header, each ending with CRLF, without status line, Date, Content-Length,
	// Content-Range and what depends on the request's Origin. Unchanged are those of a 304.
	Head, Unchanged []byte

	fields   []field // Head for net/http, and the Content-Length of the whole
	resource *Resource
	memory   *resident // the bytes of a small file; nil for one that is read from Path
	kept     *keptFile // Path opened for good; see there
}

// whole reports whether the bytes can be had as they are.
func (v *Variant) whole() bool { return v.memory != nil && v.memory.pages == nil }

// open returns the file's bytes, or a part of them.
func (v *Variant) open(start, n int64) (io.ReadCloser, error) {
	if v.memory != nil {
		return io.NopCloser(v.memory.reader(start, n)), nil
	}
	f, err := os.Open(v.Path)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(start, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// field is a line of a header: the key in the form that http.Header wants, and the value ready to be shared.
type field struct {
	key   string
	value []string
}

// Resource is what one path leads to.
type Resource struct {
	Name     string // below the URL of the assets
	Logical  string
	Hashed   bool // the name changes with the content
	variants []*Variant
	modified time.Time // whole seconds
	common   []field   // of 200, 206 and 304
	foreign  bool      // browsers on other origins may use it, and the answer says which
}

const immutableLife = "public, max-age=31536000, immutable"

// newResource builds everything that answers of a name consist of. Bodies of the variants are filled in by the caller.
func newResource(name, logical string, hashed bool, life string, since time.Time, c *cors, variants []*Variant) *Resource {
	r := &Resource{Name: name, Logical: logical, Hashed: hashed, modified: since.UTC().Truncate(time.Second), foreign: !c.any && len(c.allowed) > 0}
	if hashed {
		life = immutableLife
	}
	add := func(key, value string) { r.common = append(r.common, field{key, []string{value}}) }
	add("Cache-Control", life)
	add("Last-Modified", r.modified.Format(http.TimeFormat))
	var vary []string
	if len(variants) > 1 {
		vary = append(vary, "Accept-Encoding")
	}
	if r.foreign {
		vary = append(vary, "Origin")
	}
	if len(vary) > 0 {
		add("Vary", strings.Join(vary, ", "))
	}
	if c.any {
		add("Access-Control-Allow-Origin", "*")
	}
	add("Cross-Origin-Resource-Policy", "cross-origin")
	add("Referrer-Policy", "no-referrer")
	add("X-Content-Type-Options", "nosniff")
	for _, v := range variants {
		own := *v
		own.resource = r
		own.build(logical, r.common)
		r.variants = append(r.variants, &own)
	}
	return r
}

// build makes the header of a variant.
func (v *Variant) build(logical string, common []field) {
	v.fields = append([]field{
		{"Content-Type", []string{mediaType(logical)}},
		{"Etag", []string{v.ETag}},
		{"Accept-Ranges", []string{"bytes"}},
	}, common...)
	if v.Coding != Identity {
		v.fields = append(v.fields, field{"Content-Encoding", []string{string(v.Coding)}})
	}
	v.Head = lines(v.fields)
	v.Unchanged = lines(append([]field{{"Etag", []string{v.ETag}}}, common...))
	v.fields = append(v.fields, field{"Content-Length", []string{strconv.FormatInt(v.Size, 10)}})
}

// lines writes fields as they are sent.
func lines(fields []field) []byte {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.key + ": " + f.value[0] + "\r\n")
	}
	return []byte(b.String())
}

// etagOf returns the strong validator of some bytes (RFC 9110 section 8.8.3). Codings differ in their bytes, so they differ
// in it, too.
func etagOf(sha256hex string) string { return `"` + sha256hex[:24] + `"` }

// cors says which origins may use what browsers guard: fonts, modules, and what is fetched with crossorigin.
type cors struct {
	any     bool
	allowed map[string]bool
}

func newCORS(origins []string) *cors {
	c := &cors{allowed: map[string]bool{}}
	for _, o := range origins {
		c.any = c.any || o == "*"
		c.allowed[o] = true
	}
	return c
}

// allow returns the value of Access-Control-Allow-Origin for a request, where it depends on it. Never with credentials.
func (c *cors) allow(origin string) string {
	if c.any || origin == "" || !c.allowed[origin] {
		return ""
	}
	return origin
}
