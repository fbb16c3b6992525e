package content_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"

	"holdfast/internal/s3test"
)

// lies are what a store does wrong, as shares of a hundred requests.
type lies struct {
	refuse, cut, lose, truncate, flip int
	told                              atomic.Int64
}

// tell makes the server lie about content from now on.
func (l *lies) tell(server *s3test.Server) {
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case !strings.Contains(r.URL.Path, "/content/"):
			return false
		case l.now(l.refuse):
			return s3test.Unavailable(w, r)
		case l.now(l.cut):
			return s3test.Cut(w, r)
		}
		return false
	})
	server.Change(func(r *http.Response) bool {
		if !strings.Contains(r.Request.URL.Path, "/content/") {
			return false
		}
		if r.Request.Method == http.MethodGet && r.StatusCode/100 == 2 {
			l.spoil(r)
		}
		return r.Request.Method == http.MethodPut && l.now(l.lose)
	})
}

// now says, by chance, whether it is time for something.
func (l *lies) now(percent int) bool {
	if rand.IntN(100) >= percent {
		return false
	}
	l.told.Add(1)
	return true
}

// spoil changes the body of an answer: it ends early, or one bit of it is another.
func (l *lies) spoil(r *http.Response) {
	truncate, flip := l.now(l.truncate), l.now(l.flip)
	if !truncate && !flip {
		return
	}
	data, err := io.ReadAll(r.Body)
	r.Body.Close()
	if err == nil && len(data) > 0 && truncate {
		data = data[:rand.IntN(len(data))]
	}
	if err == nil && len(data) > 0 && flip {
		data[rand.IntN(len(data))] ^= 1 << rand.IntN(8)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
}

// stop lets the server tell the truth again.
func stopLies(server *s3test.Server) {
	server.Inject(nil)
	server.Change(nil)
}
