package treepack_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"

	"holdfast/internal/treepack"
)

// stream is a source of one blob that exists nowhere: size bytes that a seed makes.
type stream struct {
	*store
	id   treepack.ID
	size int64
}

func (s *stream) Size(context.Context, treepack.ID) (int64, error) { return s.size, nil }

func (s *stream) Blob(context.Context, treepack.ID) (io.ReadCloser, error) {
	return io.NopCloser(io.LimitReader(rand.NewChaCha8([32]byte{1}), s.size)), nil
}

func newStream(t *testing.T, f treepack.Format, size int64) *stream {
	t.Helper()
	s := &stream{store: newStore(f), size: size}
	h := f.New()
	_, _ = io.WriteString(h, "blob "+strconv.FormatInt(size, 10)+"\x00")
	r, _ := s.Blob(t.Context(), treepack.ID{})
	if _, err := io.Copy(h, r); err != nil {
		t.Fatal(err)
	}
	id, err := treepack.NewID(f, h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.id = id
	return s
}

// soak returns how much larger a test is to be.
func soak() int64 {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return 64
	}
	return 1
}

// A blob of any size passes through buffers of fixed size, on the way in and on the way out. Not parallel: it counts
// all that the process allocates.
func TestMemoryDoesNotGrowWithBlobs(t *testing.T) { //nolint:paralleltest // see above
	size := soak() * 64 << 20
	s := newStream(t, treepack.SHA1, size)
	id := treepack.PartID{Kind: treepack.BigBlob, ID: s.id}
	part, err := treepack.Pack(t.Context(), io.Discard, s, id, treepack.Limits{}) // the sum, and warm pools
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := treepack.Pack(t.Context(), w, s, id, treepack.Limits{})
		done <- err
		_ = w.CloseWithError(err)
	}()
	if err := treepack.Unpack(r, part, discard{}); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 24<<20 {
		t.Errorf("%d bytes were allocated for a blob of %d", got, size)
	} else {
		t.Logf("%d bytes were allocated for a blob of %d", got, size)
	}
}
