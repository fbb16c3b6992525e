package files_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"holdfast/internal/web"
)

// fileSpy notes whether a file reaches the connection as a file, which is what makes the kernel copy it.
type fileSpy struct {
	*httptest.ResponseRecorder
	files int
}

func (s *fileSpy) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			s.files++
		}
	}
	return io.Copy(s.ResponseRecorder, src)
}

func TestLargeFilesReachTheConnectionAsFiles(t *testing.T) {
	t.Parallel()
	n := newSite(t, onDisk(t)).node(t)
	body := strings.Repeat("x", 200<<10)
	n.put(t, "papers", "x.bin", "application/zip", body)
	path := n.sign(t, "papers", "x.bin")
	for _, ranges := range []string{"", "bytes=10-150000"} {
		spy := &fileSpy{ResponseRecorder: httptest.NewRecorder()}
		req := httptest.NewRequest(http.MethodGet, path, nil)
		if ranges != "" {
			req.Header.Set("Range", ranges)
		}
		n.Routes()["/m/"].ServeHTTP(web.NewRecorder(spy), req)
		if spy.files != 1 || spy.Body.Len() == 0 {
			t.Errorf("range %q: %d files, %d bytes", ranges, spy.files, spy.Body.Len())
		}
	}
}
