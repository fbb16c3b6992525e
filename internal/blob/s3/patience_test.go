package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/s3"
	"holdfast/internal/s3test"
	"holdfast/internal/unit"
)

const short = 300 * time.Millisecond

// hanging returns a store with one blob, and little patience with the server behind it, which will fall silent.
func hanging(t *testing.T, patience time.Duration) (*s3test.Server, *s3.Store) {
	t.Helper()
	server := s3test.Versitygw(t)
	put(t, open(t, config(server, "slow")), "blobs/00/a", noise(6<<20))
	c := config(server, "slow")
	c.Timeout = unit.Duration(patience)
	store, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return server, store
}

// Every wait has a limit and ends in a named error, and wrappers do not multiply it.
func TestASilentServiceIsGivenUp(t *testing.T) {
	t.Parallel()
	server, inner := hanging(t, short)
	store := blob.Retry(inner, blob.RetryOptions{})
	server.Inject(s3test.Hang)
	data := noise(6 << 20)
	for what, f := range map[string]func() error{
		"stat": func() error { _, err := store.Stat(t.Context(), "blobs/00/a"); return err },
		"open": func() error { _, err := store.Open(t.Context(), "blobs/00/a"); return err },
		"put": func() error {
			_, err := store.Put(t.Context(), "b", bytes.NewReader(data), options("b", data))
			return err
		},
		"delete":  func() error { return store.Delete(t.Context(), "blobs/00/a") },
		"move":    func() error { return store.Move(t.Context(), "blobs/00/a", "b") },
		"list":    func() error { return store.List(t.Context(), "", "", func(blob.Info) bool { return true }) },
		"check":   func() error { return store.Check(t.Context()) },
		"sidecar": func() error { _, err := store.Sidecar(t.Context(), "blobs/00/a"); return err },
		"bucket":  func() error { return inner.EnsureBucket(t.Context(), false) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			err := f()
			wantFault(t, what, err, "store_unavailable", "storage.s3.timeout is 300ms")
			if took := time.Since(start); took < short || took > 10*short || !strings.Contains(err.Error(), "no answer within 300ms") {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

func TestASilenceInTheMiddleIsGivenUp(t *testing.T) {
	t.Parallel()
	server, store := hanging(t, short)
	server.Change(func(r *http.Response) bool {
		if isTransfer(r) {
			r.Body = broken{r.Body, io.MultiReader(io.LimitReader(r.Body, 1<<20), hang{r.Request.Context()})}
		}
		return false
	})
	if _, err := read(t, store, "blobs/00/a"); !errors.Is(err, blob.ErrUnavailable) || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("a download that stops: %v", err)
	}
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("partNumber") == "" {
			return false
		}
		_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
		return s3test.Hang(w, r)
	})
	data := noise(6 << 20)
	_, err := store.Put(t.Context(), "blobs/00/b", bytes.NewReader(data), options("b", data))
	if !errors.Is(err, blob.ErrUnavailable) || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("an upload that stops: %v", err)
	}
}

// hang is a body that stops in the middle.
type hang struct{ ctx context.Context }

func (h hang) Read([]byte) (int, error) { <-h.ctx.Done(); return 0, h.ctx.Err() }

// A visitor may read slowly, and a client may send slowly: that is not the service's silence.
func TestOurOwnSlownessIsNotTheServices(t *testing.T) {
	t.Parallel()
	const patience = 2 * time.Second // of a server on a busy machine
	_, store := hanging(t, patience)
	data := noise(6 << 20)
	slow := io.MultiReader(bytes.NewReader(data[:1<<20]), pause{patience + short}, bytes.NewReader(data[1<<20:]))
	if _, err := store.Put(t.Context(), "blobs/00/slow", slow, options("slow", data)); err != nil {
		t.Errorf("slow client: %v", err)
	}
	b, err := store.Open(t.Context(), "blobs/00/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got, err := io.ReadAll(io.MultiReader(io.LimitReader(b, 1<<20), pause{patience + short}, b))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("slow visitor: %d bytes, %v", len(got), err)
	}
}

// pause is an empty body that takes its time.
type pause struct{ d time.Duration }

func (p pause) Read([]byte) (int, error) { <-time.After(p.d); return 0, io.EOF }

// The time of a failing call is bounded together with the wrapper that repeats operations.
func TestAFailingCallDoesNotLastLong(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	up := open(t, config(server, "down"))
	server.Inject(s3test.Unavailable)
	c := config(server, "down")
	c.EndpointURL = "http://127.0.0.1:1"
	down, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for what, inner := range map[string]*s3.Store{"503": up, "nobody there": down} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			store := blob.Retry(inner, blob.RetryOptions{})
			_, err := store.Put(t.Context(), "b", strings.NewReader("x"), blob.PutOptions{Size: 1})
			if took := time.Since(start); !errors.Is(err, blob.ErrUnavailable) || took > 15*time.Second {
				t.Errorf("%v after %v", err, took)
			}
		})
	}
}

func TestAServiceUnderRepairComesBack(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "repair"))
	server.Inject(s3test.Unavailable)
	if err := store.Check(t.Context()); !errors.Is(err, blob.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	server.Inject(nil)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func TestACallerWhoGivesUpIsNotTheServicesFault(t *testing.T) {
	t.Parallel()
	server, store := hanging(t, short)
	server.Inject(s3test.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), short/3)
	defer cancel()
	_, err := store.Stat(ctx, "blobs/00/a")
	if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "no answer within") {
		t.Errorf("got %v", err)
	}
}
