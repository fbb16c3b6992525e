package content

import (
	"context"
	"net/http"
	"strings"
)

// Send answers with the file that an application hands over to the edge in place of its own answer: the name is
// "source/revision/path", where the revision is a commit or "current". The application has decided who may read it, so it may be
// any file of a chunk, whether the rules show it to browsers or not. It is 404 when there is none.
func (c *Content) Send(w http.ResponseWriter, q *http.Request, name string) {
	f, err := c.reader().openNamed(q.Context(), name)
	c.sendFile(w, q, f, err)
}

// openNamed opens a file by its name.
func (r *reader) openNamed(ctx context.Context, name string) (*servedFile, error) {
	source, rest, _ := strings.Cut(name, "/")
	revision, file, ok := strings.Cut(rest, "/")
	if !ok || !plainPath(file) {
		return nil, errNotServed
	}
	s, err := r.source(source)
	if err != nil {
		return nil, err
	}
	x, _, err := r.resolve(ctx, s, revision)
	if err != nil {
		return nil, err
	}
	f, err := r.openFile(ctx, s, x, file, func(string) bool { return true }) // what is in no chunk is not found
	if err == nil {
		f.fixed = wholeCommit(revision)
	}
	return f, err
}
