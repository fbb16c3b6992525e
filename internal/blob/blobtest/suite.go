package blobtest

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"holdfast/internal/blob"
)

// Option changes what Run expects of a store.
type Option func(*suite)

// InMemory says that the store keeps its blobs in memory: the big blob stays at 64 MB and memory is not measured.
func InMemory() Option {
	return func(s *suite) { s.inMemory = true }
}

type suite struct {
	open     func(t *testing.T) blob.Store
	inMemory bool
}

// Run runs the suite. open returns a new empty store for each test; what it needs to clean up it gives to t.Cleanup.
// The caller is not a parallel test: the memory that a big blob takes is measured.
func Run(t *testing.T, open func(t *testing.T) blob.Store, opts ...Option) {
	s := &suite{open: open}
	for _, o := range opts {
		o(s)
	}
	for _, group := range [][]test{reading, putting, removing, listing, composing, racing} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, open(t))
			})
		}
	}
	t.Run("a big blob goes in and out with flat memory", s.bigBlob)
}

// test is one sentence of the contract.
type test struct {
	name string
	run  func(t *testing.T, s blob.Store)
}

// soaking reports whether the long runs were asked for.
func soaking() bool { return os.Getenv("HOLDFAST_SOAK") != "" }

// put stores data and fails the test when that fails.
func put(t *testing.T, s blob.Store, name blob.Name, data []byte) blob.Info {
	t.Helper()
	return putWith(t, s, name, data, nil)
}

// putWith stores data with a sidecar, which may be nil.
func putWith(t *testing.T, s blob.Store, name blob.Name, data, sidecar []byte) blob.Info {
	t.Helper()
	opts := blob.PutOptions{Size: int64(len(data))}
	if sidecar != nil {
		opts.Sidecar = func() ([]byte, error) { return sidecar, nil }
	}
	info, err := s.Put(t.Context(), name, bytes.NewReader(data), opts)
	if err != nil {
		t.Fatalf("Put(%s): %v", name, err)
	}
	if info.Name != name || info.Size != int64(len(data)) {
		t.Fatalf("Put(%s) = %+v, want that name and %d bytes", name, info, len(data))
	}
	return info
}

// get returns the whole blob and fails the test when it cannot be read.
func get(t *testing.T, s blob.Store, name blob.Name) []byte {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatalf("Open(%s): %v", name, err)
	}
	defer closeBlob(t, b)
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	if b.Info().Size != int64(len(data)) || b.Info().Name != name {
		t.Fatalf("Info of open %s = %+v, read %d bytes", name, b.Info(), len(data))
	}
	return data
}

func closeBlob(t *testing.T, b io.Closer) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("close blob: %v", err)
	}
}

// wantBlob fails the test unless the blob has exactly this content and sidecar.
func wantBlob(t *testing.T, s blob.Store, name blob.Name, data, sidecar []byte) {
	t.Helper()
	if got := get(t, s, name); !bytes.Equal(got, data) {
		t.Errorf("%s holds %s, want %s", name, brief(got), brief(data))
	}
	got, err := s.Sidecar(t.Context(), name)
	if err != nil {
		t.Errorf("Sidecar(%s): %v", name, err)
	}
	if !bytes.Equal(got, sidecar) {
		t.Errorf("sidecar of %s is %s, want %s", name, brief(got), brief(sidecar))
	}
}

// wantAbsent fails the test if any trace of the blob is left.
func wantAbsent(t *testing.T, s blob.Store, name blob.Name) {
	t.Helper()
	if b, err := s.Open(t.Context(), name); err == nil {
		closeBlob(t, b)
		t.Errorf("Open(%s) succeeded, want ErrNotFound", name)
	} else {
		wantError(t, "Open "+string(name), err, blob.ErrNotFound)
	}
	_, err := s.Stat(t.Context(), name)
	wantError(t, "Stat "+string(name), err, blob.ErrNotFound)
	_, err = s.Sidecar(t.Context(), name)
	wantError(t, "Sidecar "+string(name), err, blob.ErrNotFound)
	for _, info := range list(t, s, string(name), "") {
		if info.Name == name {
			t.Errorf("List names %s", name)
		}
	}
}

// list returns everything that List yields.
func list(t *testing.T, s blob.Store, prefix string, after blob.Name) []blob.Info {
	t.Helper()
	var all []blob.Info
	err := s.List(t.Context(), prefix, after, func(info blob.Info) bool {
		all = append(all, info)
		return true
	})
	if err != nil {
		t.Fatalf("List(%q, %q): %v", prefix, after, err)
	}
	return all
}

// sidecarOf returns a PutOptions.Sidecar that yields the text.
func sidecarOf(text []byte) func() ([]byte, error) {
	return func() ([]byte, error) { return text, nil }
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
