package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/s3test"
)

// What docs/stores.md says about costs: AWS and others bill by the request, and each takes a round trip.
func TestAnOperationCostsWhatTheDocumentationSays(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "cost"))
	log := record(server)
	small, large := noise(1000), noise(11<<20) // three parts
	f := func(what, want string, do func() error) {
		t.Helper()
		log.take()
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := log.take(); got != want {
			t.Errorf("%s costs %s, want %s", what, got, want)
		}
	}
	f("a small blob", "HEAD PUT", func() error { put(t, store, "small", small); return nil })
	f("a large blob", "HEAD POST PUT PUT PUT PUT POST", func() error { put(t, store, "large", large); return nil })
	f("to read a small one", "HEAD GET", func() error { _, err := read(t, store, "small"); return err })
	f("to read a small one ahead", "HEAD GET", func() error { return readAhead(t, store, "small", small) })
	f("to read a large one ahead", "HEAD GET GET", func() error { return readAhead(t, store, "large", large) })
	f("to read ahead what is not there", "GET", func() error {
		if _, err := store.Open(blob.ReadAhead(t.Context()), "none"); !errors.Is(err, blob.ErrNotFound) {
			return fmt.Errorf("want that it is not found, got %w", err)
		}
		return nil
	})
	f("to read a large one", "HEAD GET GET", func() error { _, err := read(t, store, "large"); return err })
	f("a sidecar", "HEAD", func() error { _, err := store.Sidecar(t.Context(), "small"); return err })
	f("a companion", "HEAD GET", func() error { _, err := store.Sidecar(t.Context(), "large"); return err })
	f("a move", "HEAD HEAD PUT HEAD DELETE", func() error { return store.Move(t.Context(), "small", "trash/small") })
	f("a move with companion", "HEAD HEAD PUT PUT HEAD DELETE DELETE", func() error { return store.Move(t.Context(), "large", "trash/large") })
	f("a delete", "HEAD DELETE", func() error { return store.Delete(t.Context(), "trash/small") })
	f("a delete with companion", "HEAD DELETE DELETE", func() error { return store.Delete(t.Context(), "trash/large") })
	f("a listing", "GET", func() error { return store.List(t.Context(), "blobs/", "", func(blob.Info) bool { return true }) })
	f("a check", "PUT DELETE", func() error { return store.Check(t.Context()) })
}

// readAhead reads a blob whose size and time it learns with its first bytes.
func readAhead(t *testing.T, store blob.Store, name blob.Name, want []byte) error {
	t.Helper()
	info, err := store.Stat(t.Context(), name)
	if err != nil {
		return err
	}
	b, err := store.Open(blob.ReadAhead(t.Context()), name)
	if err != nil {
		return err
	}
	defer b.Close()
	if b.Info() != info {
		t.Errorf("opened ahead it is %+v, else %+v", b.Info(), info)
	}
	data, err := io.ReadAll(b)
	if !bytes.Equal(data, want) {
		t.Errorf("read ahead it has %d bytes, want %d", len(data), len(want))
	}
	return err
}

// requests are the methods that the server saw, in their order.
type requests struct {
	mu   sync.Mutex // protects the following
	seen []string
}

func record(server *s3test.Server) *requests {
	l := &requests{}
	server.Inject(func(_ http.ResponseWriter, r *http.Request) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.seen = append(l.seen, r.Method)
		return false
	})
	return l
}

func (l *requests) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Join(l.seen, " ")
	l.seen = nil
	return all
}
