package content

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// Who may read a source's browser files.
const (
	serveOff    = "off"
	serveSigned = "signed"
	servePublic = "public"
)

// served returns who may read the browser files of a source.
func (s SourceConfig) served() string {
	if s.Serve == "" {
		return serveSigned
	}
	return s.Serve
}

// baseURL is the path below which browsers find the files of a revision, "" when the source gives none away.
func (r *reader) baseURL(source, commit string, life time.Duration) string {
	how := r.c.cfg().Sources[source].served()
	if how == serveOff {
		return ""
	}
	return r.urls.base(source, commit, how == serveSigned, time.Now(), life)
}

// serveFile answers GET /content/<source>/<commit>[~<expires>.<mac>]/<path>. Whatever is wrong with an address, the answer is
// the same: a stranger learns nothing of what there is. Only a failure of the store is told apart, and only to who may
// read the file.
func (c *Content) serveFile(w http.ResponseWriter, q *http.Request) {
	f, err := c.reader().openServed(q.Context(), q.URL.Path)
	c.sendFile(w, q, f, err)
}

// sendFile answers with a file that was opened, or says that there is none.
func (c *Content) sendFile(w http.ResponseWriter, q *http.Request, f *servedFile, err error) {
	switch {
	case err == nil:
	case errors.Is(err, errNotServed) || fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Usage:
		nothingHere(w)
		return
	default:
		w.Header().Set("Retry-After", "2")
		c.log.WarnContext(q.Context(), "file not served", "error", err)
		control.WriteError(w, fault.New(fault.Unavailable, "content_unavailable", "the file cannot be had at this moment"))
		return
	}
	defer f.close()
	c.reader().count.served.Add(1)
	f.send(w, q)
}

// errNotServed says that an address is not honoured.
var errNotServed = errors.New("not served")

// nothingHere is what the edge itself answers where nothing is.
func nothingHere(w http.ResponseWriter) {
	control.WriteError(w, fault.New(fault.NotFound, "not_found", "nothing here"))
}

// servedFile is an open file of a view, and the lease that keeps it there.
type servedFile struct {
	*os.File
	hold   releaser
	name   string
	etag   string
	shared bool // proxies may keep it
	fixed  bool // the address will always lead to this file
}

func (f *servedFile) close() {
	_ = f.Close() // it was only read
	f.hold.Release()
}

// openServed finds the file of an address.
func (r *reader) openServed(ctx context.Context, address string) (*servedFile, error) {
	p, ok := parseContentPath(address)
	if !ok {
		return nil, errNotServed
	}
	s, ok := r.sources()[p.source]
	if !ok {
		return nil, errNotServed
	}
	switch r.c.cfg().Sources[p.source].served() {
	case servePublic:
		if p.mac != "" && !r.urls.verify(p, time.Now()) {
			return nil, errNotServed
		}
	case serveSigned:
		if !r.urls.verify(p, time.Now()) {
			return nil, errNotServed
		}
	default:
		return nil, errNotServed
	}
	x, err := r.revisionOf(ctx, s, p.commit)
	if err != nil {
		return nil, err
	}
	f, err := r.openFile(ctx, s, x, p.file, func(path string) bool { return x.Served(*x.preset, path) })
	if err != nil {
		return nil, err
	}
	f.shared = r.c.cfg().Sources[p.source].served() == servePublic
	return f, nil
}

// revisionOf returns the index of a commit. Strangers may ask for any commit of a public source: what is not there is not
// asked of PostgreSQL again and again.
func (r *reader) revisionOf(ctx context.Context, s *sourceState, commit string) (*loaded, error) {
	id, err := treepack.ParseID(commit)
	if err != nil {
		return nil, errNotServed
	}
	if x := r.memory.get(revisionKey{s.name, id}); x != nil && x.preset == r.c.cfg().rules[s.name] {
		return x, nil
	}
	if s.absent.has(commit) {
		return nil, errNotServed
	}
	p, err := r.find(ctx, s, commit)
	if fault.KindOf(err) == fault.NotFound {
		s.absent.add(commit)
		return nil, errNotServed
	}
	if err != nil {
		return nil, err
	}
	return r.load(ctx, p)
}

// maxHops bounds the symbolic links on the way to a file.
const maxHops = 8

// openFile opens a file that may be read. Symbolic links are followed by name, and each name on the way must be one that may be
// read: no link opens a file that its own path would not.
func (r *reader) openFile(ctx context.Context, s *sourceState, x *loaded, file string, may func(path string) bool) (*servedFile, error) {
	for range maxHops {
		if !may(file) {
			return nil, errNotServed
		}
		chunk, ok := x.Locate(file)
		if !ok {
			return nil, errNotServed
		}
		c, err := x.closure([]string{chunk.Key})
		if err != nil {
			return nil, err
		}
		own := c.only(chunk.Key)
		result, hold, err := r.put(ctx, x, own)
		if err != nil {
			return nil, err
		}
		s.use.fetched.Add(result.Bytes)
		f, next, err := openPlain(result.Dir, chunk.Path, file)
		if err == nil && next == "" {
			sf := &servedFile{File: f, hold: hold, name: path.Base(file), fixed: true}
			if sf.etag, err = r.etags.of(f, x.Root.Format(), chunk.Tree.String()+"/"+file); err != nil {
				sf.close()
			}
			return sf, err
		}
		hold.Release()
		if err != nil {
			return nil, err
		}
		file = next
	}
	return nil, errNotServed
}

// only returns the chunk with the key, without what it needs.
func (c *closure) only(key string) []treecache.Chunk {
	for i := range c.chunks {
		if c.chunks[i].Key == key {
			return c.chunks[i : i+1]
		}
	}
	return nil
}

// openPlain opens a file of a view, or returns where the first symbolic link on the way leads, from the root of the
// course. The directory of the chunk itself may be a link of the cache's own. Nothing in a view ever changes, so what was
// looked at is what is opened.
func openPlain(view, chunk, file string) (f *os.File, next string, err error) {
	at := chunk
	rest := strings.TrimPrefix(strings.TrimPrefix(file, chunk), "/")
	segments := strings.Split(rest, "/")
	for i, name := range segments {
		at = path.Join(at, name)
		info, err := os.Lstat(view + "/" + at)
		switch {
		case errors.Is(err, os.ErrNotExist) || err == nil && i < len(segments)-1 && info.Mode().IsRegular():
			return nil, "", errNotServed
		case err != nil:
			return nil, "", err
		case info.Mode()&os.ModeSymlink != 0:
			next, err := follow(view, at, segments[i+1:])
			return nil, next, err
		case i == len(segments)-1 && !info.Mode().IsRegular():
			return nil, "", errNotServed
		}
	}
	f, err = os.Open(view + "/" + at)
	return f, "", err
}

// follow returns the path that a link leads to, from the root of the course, with what stands behind the link.
func follow(view, link string, rest []string) (string, error) {
	target, err := os.Readlink(view + "/" + link)
	if err != nil {
		return "", err
	}
	if path.IsAbs(target) {
		return "", errNotServed
	}
	next := path.Join(append([]string{path.Dir(link), target}, rest...)...)
	if next == "." || next == ".." || strings.HasPrefix(next, "../") {
		return "", errNotServed
	}
	return next, nil
}

// send answers with the file.
func (f *servedFile) send(w http.ResponseWriter, q *http.Request) {
	h := w.Header()
	scope := "private"
	if f.shared {
		scope = "public"
	}
	if f.fixed {
		h.Set("Cache-Control", scope+", max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", scope+", no-cache")
	}
	h.Set("ETag", `"`+f.etag+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	kind := typeOf(f.name)
	h.Set("Content-Type", kind)
	if active(kind) {
		// What authors wrote may run, but in an origin of its own: it sees no cookie of the site and acts for nobody.
		h.Set("Content-Security-Policy", "sandbox allow-scripts allow-forms allow-popups")
	}
	http.ServeContent(w, q, "", time.Time{}, f.File)
}

// typeOf returns the media type of a name. What is not known is saved by browsers and not guessed at.
func typeOf(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".md", ".txt", ".csv", ".tex", ".m", ".r", ".py", ".c", ".cpp", ".h", ".java":
		return "text/plain; charset=utf-8"
	case ".mjs", ".js":
		return "text/javascript; charset=utf-8"
	case ".ipynb":
		return "application/json"
	default:
		if kind := mime.TypeByExtension(ext); kind != "" {
			return kind
		}
	}
	return "application/octet-stream"
}

// active reports whether a browser runs what is in a document of the type.
func active(kind string) bool {
	kind, _, _ = strings.Cut(kind, ";")
	return kind == "text/html" || strings.HasSuffix(kind, "xml")
}

// URL returns the address under which browsers find the served files of a revision, or one of them.
func (c *Content) URL(ctx context.Context, q URLRequest) (URLAnswer, error) {
	r := c.reader()
	s, err := r.source(q.Source)
	if err != nil {
		return URLAnswer{}, err
	}
	life := q.TTL.D()
	if life == 0 {
		life = urlLife
	}
	if life < 0 || life > maxURLTTL {
		return URLAnswer{}, fault.New(fault.Usage, "content_url_ttl", "an address that lives for %s is not made; at most %s", life, maxURLTTL)
	}
	x, _, err := r.resolve(ctx, s, q.Revision)
	if err != nil {
		return URLAnswer{}, err
	}
	base := r.baseURL(s.name, x.Commit.String(), life)
	if base == "" {
		return URLAnswer{}, fault.New(fault.Denied, "content_not_served", "source %s gives no files to browsers", s.name).
			WithHint(`set serve = "signed" or "public" in [content.sources.%s]`, s.name)
	}
	if q.Path != "" && (!plainPath(q.Path) || !x.Served(*x.preset, q.Path)) {
		return URLAnswer{}, fault.New(fault.NotFound, "content_not_served", "the rules of source %s do not show %q to browsers", s.name, q.Path).
			WithHint(`the patterns are "serve" of the rules in the preset`)
	}
	p := base + escapePath(q.Path)
	return URLAnswer{URL: c.baseURL() + p, Path: p}, nil
}
