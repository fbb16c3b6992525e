package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/s3test"
)

// broken yields n bytes of a body and then breaks the connection.
type broken struct {
	io.Closer
	io.Reader
}

func breakAfter(body io.ReadCloser, n int64) io.ReadCloser {
	return broken{body, io.MultiReader(io.LimitReader(body, n), failing{})}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken on purpose") }

// isTransfer reports an answer that carries bytes of a blob.
func isTransfer(r *http.Response) bool {
	return r.Request.Method == http.MethodGet && r.StatusCode == http.StatusPartialContent
}

// A short body is never taken for the whole, and what can be had is had.
func TestABrokenTransferIsTakenUpWhereItBroke(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "broken"))
	data := noise(9 << 20) // two windows
	put(t, store, "blobs/00/a", data)
	var transfers atomic.Int64
	server.Change(func(r *http.Response) bool {
		if isTransfer(r) && transfers.Add(1) < 6 {
			r.Body = breakAfter(r.Body, 700<<10)
		}
		return false
	})
	wantBlob(t, store, "blobs/00/a", data)
	if n := transfers.Load(); n != 6 { // five that are broken and one to the end
		t.Errorf("%d transfers, want 6", n)
	}
}

func TestATransferThatAlwaysBreaksIsAnErrorAndNotAnEnd(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "broken"))
	put(t, store, "blobs/00/a", noise(1<<20))
	f := func(why string, change func(*http.Response) bool) {
		t.Helper()
		b, err := store.Open(t.Context(), "blobs/00/a")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		server.Change(func(r *http.Response) bool { return isTransfer(r) && change(r) })
		got, err := io.ReadAll(b)
		if !errors.Is(err, blob.ErrUnavailable) || len(got) == 1<<20 {
			t.Errorf("%s: %d bytes, %v", why, len(got), err)
		}
		server.Change(nil)
	}
	f("broken before the first byte", func(r *http.Response) bool { r.Body = breakAfter(r.Body, 0); return false })
	f("no answer", func(*http.Response) bool { return true })
	f("an empty body", func(r *http.Response) bool {
		r.Body, r.ContentLength = http.NoBody, 0
		r.Header.Set("Content-Length", "0")
		return false
	})
}

func TestAnAnswerThatIsNotTheRangeIsRefused(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "range"))
	put(t, store, "blobs/00/a", noise(1<<20))
	b, err := store.Open(t.Context(), "blobs/00/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Seek(1000, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	server.Change(func(r *http.Response) bool {
		r.StatusCode = http.StatusOK
		r.Header.Del("Content-Range")
		return false
	})
	if n, err := b.Read(make([]byte, 10)); n != 0 || err == nil || !strings.Contains(err.Error(), "range") {
		t.Errorf("read %d bytes, %v", n, err)
	}
}

func neverMixed(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "mix"))
	first, second := noise(9<<20), bytes.Repeat([]byte("x"), 9<<20)
	put(t, store, "blobs/00/a", first)
	b, err := store.Open(t.Context(), "blobs/00/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := store.Delete(t.Context(), "blobs/00/a"); err != nil {
		t.Fatal(err)
	}
	put(t, store, "blobs/00/a", second)
	got, err := io.ReadAll(b)
	if !errors.Is(err, blob.ErrNotFound) || !bytes.HasPrefix(first, got) {
		t.Errorf("read %d bytes, %v", len(got), err)
	}
}

func TestAServiceThatFailsForAMomentIsOvercome(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "moment"))
	var requests atomic.Int64
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		if requests.Add(1)%2 == 0 {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, 100) // it fails in the middle
		return s3test.Refuse(w, 500, "InternalError", "We encountered an internal error. Please try again.")
	})
	for i, size := range []int{10, 6 << 20} {
		name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
		data := noise(size)
		put(t, store, name, data)
		if err := store.Move(t.Context(), name, "trash/"+name); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, store, "trash/"+name, data)
		if err := store.Delete(t.Context(), "trash/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if all := names(t, store); len(all) != 0 {
		t.Errorf("left: %v", all)
	}
}

func TestAnUploadThatIsCutLeavesNothing(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "cut"))
	var seen atomic.Int64
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2" {
			seen.Add(1)
			return s3test.Cut(w, r)
		}
		return false
	})
	data := noise(12 << 20)
	_, err := store.Put(t.Context(), "blobs/00/cut", bytes.NewReader(data), options("x", data))
	if !errors.Is(err, blob.ErrUnavailable) || seen.Load() == 0 {
		t.Fatalf("got %v after %d cuts", err, seen.Load())
	}
	server.Inject(nil)
	if _, err := store.Stat(t.Context(), "blobs/00/cut"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a half blob is there: %v", err)
	}
	wantLeftOvers(t, server, store, 0)
}

// The service has done its work but its answer is lost: the request is sent again, and "exists already" is no answer.
func lostAnswers(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "lost"))
	var lost atomic.Int64
	lose := func(method, query string) {
		done := false
		server.Change(func(r *http.Response) bool {
			hit := r.Request.Method == method && strings.Contains(r.Request.URL.RawQuery, query) && !done
			if hit {
				done = true
				lost.Add(1)
			}
			return hit
		})
	}
	lose(http.MethodPut, "")
	put(t, store, "blobs/00/small", noise(100))
	wantBlob(t, store, "blobs/00/small", noise(100))
	for _, query := range []string{"partNumber=1", "uploadId="} {
		method := map[bool]string{true: http.MethodPut, false: http.MethodPost}[query == "partNumber=1"]
		lose(method, query)
		n := blob.Name("blobs/00/" + strings.ToLower(query[:4]))
		put(t, store, n, noise(6<<20))
		wantBlob(t, store, n, noise(6<<20))
	}
	lose(http.MethodDelete, "")
	if err := store.Delete(t.Context(), "blobs/00/small"); err != nil {
		t.Error(err)
	}
	if lost.Load() != 4 {
		t.Errorf("%d answers were lost, want 4", lost.Load())
	}
}

func TestATakenNameIsSeenBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "plain"))
	var puts atomic.Int64
	server.Inject(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			puts.Add(1)
		}
		return false
	})
	for i, want := range []error{nil, blob.ErrExists, blob.ErrExists} {
		_, err := store.Put(t.Context(), "blobs/00/one", strings.NewReader("text"), blob.PutOptions{Size: 4})
		if !errors.Is(err, want) {
			t.Errorf("put %d: got %v, want %v", i, err, want)
		}
	}
	if n := puts.Load(); n != 1 {
		t.Errorf("%d writes were sent, want 1", n)
	}
	if _, err := store.Put(t.Context(), "blobs/00/two", strings.NewReader("text"), blob.PutOptions{Size: 3}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a body that is too long: %v", err)
	}
}
