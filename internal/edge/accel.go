package edge

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/httpcache"
	"holdfast/internal/upstream"
)

// What [[edge.accel]] may lead to.
const (
	ToFiles   = "files"
	ToAssets  = "assets"
	ToContent = "content"
)

// Vault sends what no visitor could ask for. It answers a GET or HEAD with conditions and ranges, and 404 for a name that it does not
// have. The names are "bucket/key" for files, a name below the URL of the assets, and "source/revision/path" for content.
type Vault interface {
	Send(w http.ResponseWriter, r *http.Request, name string)
}

// handOver sends the file that the application asks for in place of its own answer.
func (s *site) handOver(w http.ResponseWriter, r *http.Request, h upstream.Handover) {
	httpcache.NoStore(r.Context()) // it is for who the application says, and kept already
	name, vault := s.target(h)
	if vault == nil {
		s.log.WarnContext(r.Context(), "the application handed over what no edge.accel leads to", "target", h.Target)
		s.refuse(w, r, upstream.Refusal{Status: http.StatusNotFound, Code: "not_found", Text: "nothing here"})
		return
	}
	out := *r
	if out.Method != http.MethodHead {
		out.Method = http.MethodGet
	}
	out.Body = http.NoBody
	for _, cookie := range h.Header["Set-Cookie"] {
		w.Header().Add("Set-Cookie", cookie)
	}
	if h.Header.Get("Cache-Control") == "" {
		h.Header.Set("Cache-Control", "private, no-cache") // the next one has to ask the application again
	}
	vault.Send(&overlay{ResponseWriter: w, header: h.Header}, &out, name)
}

// target finds what a target means, nil when it means nothing. The longest prefix counts.
func (s *site) target(h upstream.Handover) (string, Vault) {
	path := h.Target
	if !h.Raw {
		path, _, _ = strings.Cut(path, "?")
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return "", nil
		}
		path = decoded
	}
	if !clean(path) {
		return "", nil
	}
	var best *Accel
	for i, a := range s.config.Accel {
		if strings.HasPrefix(path, a.Prefix) && (best == nil || len(a.Prefix) > len(best.Prefix)) {
			best = &s.config.Accel[i]
		}
	}
	if best == nil || path == best.Prefix {
		return "", nil
	}
	name := best.Under + strings.TrimPrefix(path, best.Prefix)
	if best.Bucket != "" {
		name = best.Bucket + "/" + name
	}
	return name, s.vaults[best.To]
}

// overlay puts what the application says about a file that is sent over what the file says. Its type is the file's own:
// frameworks call an empty answer a page.
type overlay struct {
	http.ResponseWriter
	header http.Header
	began  bool
}

func (o *overlay) WriteHeader(status int) {
	if !o.began && status >= http.StatusOK {
		o.began = true
		if slices.Contains([]int{http.StatusOK, http.StatusPartialContent, http.StatusNotModified}, status) {
			for _, name := range []string{"Content-Disposition", "Cache-Control", "Expires", "Content-Language"} {
				if values := o.header[name]; len(values) > 0 {
					o.ResponseWriter.Header()[name] = values
				}
			}
		}
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *overlay) Write(b []byte) (int, error) {
	if !o.began {
		o.WriteHeader(http.StatusOK)
	}
	return o.ResponseWriter.Write(b)
}

// ReadFrom keeps the way of a file to the connection short.
func (o *overlay) ReadFrom(src io.Reader) (int64, error) {
	if !o.began {
		o.WriteHeader(http.StatusOK)
	}
	return io.Copy(o.ResponseWriter, src)
}

// Unwrap lets http.ResponseController reach the connection.
func (o *overlay) Unwrap() http.ResponseWriter { return o.ResponseWriter }
