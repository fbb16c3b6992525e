package httpcache

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/cache"
)

// finished ends an answer: one that is not whole is cut.
func finished(err error) {
	if !errors.Is(err, io.EOF) {
		panic(http.ErrAbortHandler)
	}
}

// give answers with a stored object.
func (v *visitor) give(o *object, result Result, said string) {
	if !o.onDisk {
		v.c.tell(v.r.Context(), v.id.rule, result)
		v.send(o, bytes.NewReader(o.body), said, v.c.now())
		return
	}
	f, ok := v.c.store.open(o)
	if !ok {
		v.pass("fwd=uri-miss; detail=removed")
		return
	}
	defer f.Close()
	v.c.tell(v.r.Context(), v.id.rule, result)
	v.send(o, &body{f}, said, v.c.now())
}

// giveSpooled answers with what a flight has brought, once it is over.
func (v *visitor) giveSpooled(f *flight, said string) {
	bytesOf, _, _ := f.spool.whole()
	o := *f.obj
	o.size = int64(len(bytesOf))
	if bytesOf == nil && f.spool.inFile > 0 {
		o.size = f.spool.inFile
		v.send(&o, io.NewSectionReader(f.spool.file, 0, f.spool.inFile), said, v.c.now())
		return
	}
	v.send(&o, bytes.NewReader(bytesOf), said, v.c.now())
}

// send answers with header and body: ranges and conditions of a 200 are looked at (RFC 9110 sections 13 and 14).
func (v *visitor) send(o *object, content io.ReadSeeker, said string, now time.Time) {
	h := v.w.Header()
	copyHeader(h, o.header)
	h["Age"] = []string{strconv.FormatInt(int64(o.age(now)/time.Second), 10)}
	setStatus(h, said)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // it is not ours to guess
	}
	length := []string{strconv.FormatInt(o.size, 10)}
	if o.status != http.StatusOK {
		if h["Content-Length"] = length; o.status == http.StatusNoContent {
			delete(h, "Content-Length")
		}
		v.w.WriteHeader(o.status)
		if v.r.Method != http.MethodHead && o.status != http.StatusNoContent {
			_, _ = io.Copy(v.w, content) // the visitor is gone: nobody is left to tell
		}
		return
	}
	changed, _ := http.ParseTime(o.header.Get("Last-Modified"))
	delete(h, "Content-Length")
	if h.Get("Content-Encoding") != "" && v.r.Header["Range"] == nil {
		h["Content-Length"] = length // ServeContent does not say how long a coded body is
	}
	r := v.r
	if unit := r.Header.Get("Range"); unit != "" && !strings.HasPrefix(unit, "bytes=") { // RFC 9110 section 14.2
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	if file, ok := content.(*body); ok {
		http.ServeContent(&shortcut{v.w, file}, r, "", changed, content)
		return
	}
	http.ServeContent(v.w, r, "", changed, content)
}

// body is the content of a file that holds more than the content.
type body struct{ *cache.DiskFile }

// Seek implements io.Seeker.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		offset, whence = offset+b.Size, io.SeekStart
	}
	return b.File.Seek(offset, whence)
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	at, err := b.File.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if at >= b.Size {
		return 0, io.EOF
	}
	return b.File.Read(p[:min(int64(len(p)), b.Size-at)])
}

// shortcut lets the bytes of a file go to the connection without passing through this process: what stands between hides the file.
type shortcut struct {
	http.ResponseWriter
	body *body
}

// ReadFrom implements io.ReaderFrom.
func (s *shortcut) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok || limited.R != io.Reader(s.body) {
		return io.Copy(s.ResponseWriter, src)
	}
	var file *os.File = s.body.File
	inner := &io.LimitedReader{R: file, N: limited.N}
	n, err := io.Copy(s.ResponseWriter, inner)
	limited.N = inner.N
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (s *shortcut) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// copyHeader sets what is stored over what the front has set.
func copyHeader(to, from http.Header) {
	for name, values := range from {
		to[name] = values
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
