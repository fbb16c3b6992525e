package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRecorderCountsStatusAndBytes(t *testing.T) {
	t.Parallel()
	r := NewRecorder(httptest.NewRecorder())
	if r.Started() || r.Status() != 200 {
		t.Fatalf("before a response: started %v, status %d", r.Started(), r.Status())
	}
	hints := NewRecorder(httptest.NewRecorder())
	if hints.WriteHeader(http.StatusEarlyHints); hints.Started() {
		t.Fatal("an informational status is not the response")
	}
	r.WriteHeader(http.StatusTeapot)
	_, _ = r.Write([]byte("short"))
	_, _ = r.ReadFrom(bytes.NewReader(make([]byte, 3*piece+7)))
	if r.Status() != http.StatusTeapot || r.Bytes() != 5+3*piece+7 {
		t.Errorf("status %d, %d bytes", r.Status(), r.Bytes())
	}
}

func TestReadFromStopsAtTheLimitItWasGiven(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{0, 1, piece - 1, piece, piece + 1, 2*piece + 5} {
		out := httptest.NewRecorder()
		src := bytes.NewReader(bytes.Repeat([]byte("x"), 2*piece+5+100))
		n, err := NewRecorder(out).ReadFrom(io.LimitReader(src, limit))
		if err != nil || n != limit || int64(out.Body.Len()) != limit {
			t.Errorf("limit %d: %d bytes copied, %d arrived, %v", limit, n, out.Body.Len(), err)
		}
	}
}

// readFromSpy notes what kind of reader reaches the connection: only a LimitedReader directly around a file can be
// sent by sendfile.
type readFromSpy struct {
	http.ResponseWriter
	files int
}

func (s *readFromSpy) ReadFrom(src io.Reader) (int64, error) {
	if l, ok := src.(*io.LimitedReader); ok {
		if _, ok := l.R.(*os.File); ok {
			s.files++
		}
	}
	return io.Copy(s.ResponseWriter, src)
}

func TestServeContentReachesTheConnectionAsAFile(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, make([]byte, 2*piece), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spy := &readFromSpy{ResponseWriter: httptest.NewRecorder()}
	rec := NewRecorder(spy)
	http.ServeContent(rec, httptest.NewRequest(http.MethodGet, "/", nil), "", time.Time{}, f)
	if spy.files != 2 || rec.Bytes() != 2*piece {
		t.Errorf("%d pieces as files, %d bytes", spy.files, rec.Bytes())
	}
}

func TestDeadlineMovesWhileWorkGoesOn(t *testing.T) {
	t.Parallel()
	var set []time.Time
	d := deadline{set: func(at time.Time) error { set = append(set, at); return nil }}
	d.renew()
	d.renew()
	if len(set) != 1 {
		t.Fatalf("renewed %d times at once", len(set))
	}
	if left := time.Until(set[0]); left < Stall || left > Stall+renewEvery {
		t.Errorf("a stalled peer is cut off after %v", left)
	}
	d.next = time.Now().Add(-time.Second)
	d.renew()
	if len(set) != 2 {
		t.Error("not renewed after a while")
	}
}
