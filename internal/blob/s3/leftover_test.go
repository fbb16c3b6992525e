package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/s3test"
)

// everything is an age by which all that lies there is old, also by a clock that is a little ahead.
const everything = -time.Hour

// wantLeftOvers fails the test unless Sweep finds so many, now and never again.
func wantLeftOvers(t *testing.T, server *s3test.Server, store *s3.Store, want int) {
	t.Helper()
	server.Inject(nil)
	server.Change(nil)
	if n, err := store.Sweep(t.Context(), s3.SweepAge); n != 0 || err != nil {
		t.Errorf("young left-overs were taken: %d, %v", n, err)
	}
	for _, want := range []int{want, 0} {
		if n, err := store.Sweep(t.Context(), everything); n != want || err != nil {
			t.Errorf("%d left-overs, %v; want %d", n, err, want)
		}
	}
}

// refuse lets the proxy refuse what the function picks, as a killed process leaves it undone.
func refuse(server *s3test.Server, pick func(*http.Request) bool) {
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		return pick(r) && s3test.Refuse(w, 403, "AccessDenied", "refused by the test")
	})
}

// isBlob reports a request about a blob itself, by a writing method.
func isBlob(r *http.Request, method string) bool {
	return r.Method == method && strings.Contains(r.URL.Path, "/blobs/") && !strings.Contains(r.URL.Path, "/.meta/")
}

// Item 4 of the design: whatever breaks off leaves no half blob, and nothing that Sweep does not find.
func brokenOff(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "left"))
	kept := noise(6 << 20)
	put(t, store, "blobs/00/kept", kept)

	// A small blob with a large sidecar, killed between its companion and itself.
	refuse(server, func(r *http.Request) bool { return isBlob(r, http.MethodPut) || r.Method == http.MethodDelete })
	o := options("x", kept[:10])
	o.Sidecar = func() ([]byte, error) { return make([]byte, 5000), nil }
	if _, err := store.Put(t.Context(), "blobs/00/small", bytes.NewReader(kept[:10]), o); err == nil {
		t.Error("the put succeeded")
	}
	// A large one, killed before it was completed.
	refuse(server, func(r *http.Request) bool {
		return r.Method == http.MethodDelete || isBlob(r, http.MethodPost) && r.URL.Query().Has("uploadId")
	})
	if _, err := store.Put(t.Context(), "blobs/00/large", bytes.NewReader(kept), options("x", kept)); err == nil {
		t.Error("the put succeeded")
	}
	// A check, killed before it cleaned up.
	if err := store.Check(t.Context()); err == nil {
		t.Error("the check succeeded")
	}
	server.Inject(nil)
	if got := names(t, store); len(got) != 1 || got[0] != "blobs/00/kept" {
		t.Errorf("the store lists %v", got)
	}
	wantLeftOvers(t, server, store, 4) // two companions, an upload, a check
	wantBlob(t, store, "blobs/00/kept", kept)
}

func TestADeleteThatBreaksOffIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "delete"))
	put(t, store, "blobs/00/a", noise(6<<20))
	refuse(server, func(r *http.Request) bool { return isBlob(r, http.MethodDelete) })
	if err := store.Delete(t.Context(), "blobs/00/a"); err == nil {
		t.Error("the delete succeeded")
	}
	server.Inject(nil)
	if err := store.Delete(t.Context(), "blobs/00/a"); err != nil {
		t.Error(err)
	}
	if got := names(t, store); len(got) != 0 {
		t.Errorf("the store lists %v", got)
	}
	wantLeftOvers(t, server, store, 0)
}

// The copy of a blob that was uploaded in parts has another ETag than the blob, which is no reason to call it another.
func brokenMoves(t *testing.T, server *s3test.Server) {
	store := open(t, config(server, "move"))
	for i, size := range []int{10, 6 << 20, 12 << 20} {
		store.LimitCopies(7 << 20) // the last is copied in parts
		from, data := blob.Name(fmt.Sprintf("blobs/00/%d", i)), noise(size)
		put(t, store, from, data)
		refuse(server, func(r *http.Request) bool { return isBlob(r, http.MethodDelete) })
		if err := store.Move(t.Context(), from, "trash/"+from[6:]); err == nil {
			t.Error("the move succeeded")
		}
		server.Inject(nil)
		if err := store.Move(t.Context(), from, "trash/"+from[6:]); err != nil {
			t.Error(err)
		}
		wantBlob(t, store, "trash/"+from[6:], data)
		if _, err := store.Stat(t.Context(), from); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s is still there: %v", from, err)
		}
	}
	wantLeftOvers(t, server, store, 0)
}

// S3 may answer a copy with status 200 and an error behind it; the original must then stay.
func TestACopyThatFailsBehindItsStatusLosesNothing(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "copy"))
	for i, size := range []int{10, 6 << 20, 12 << 20} {
		store.LimitCopies(7 << 20)
		from, data := blob.Name(fmt.Sprintf("blobs/00/%d", i)), noise(size)
		put(t, store, from, data)
		server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("X-Amz-Copy-Source") != "" && s3test.Refuse(w, 200, "InternalError", "after all, no")
		})
		if err := store.Move(t.Context(), from, "trash/"+from[6:]); err == nil {
			t.Error("the move succeeded")
		}
		server.Inject(nil)
		wantBlob(t, store, from, data)
		if _, err := store.Stat(t.Context(), "trash/"+from[6:]); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("a half copy is there: %v", err)
		}
	}
}
