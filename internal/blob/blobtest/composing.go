package blobtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

var composing = []test{
	{"parts of any length become one blob, and stay", composeParts},
	{"a composed blob is refused for a taken name, an absent part or a wrong size", composeRefused},
	{"a composed blob asks for its sidecar once, after the copying", composeSidecar},
	{"a cancelled compose leaves nothing", composeCancelled},
}

func composeParts(t *testing.T, s blob.Store) {
	sizes := []int{4096, 0, 1, 8192, 12345, 64 << 10, 7, 1<<20 + 3, 0, 4095}
	var parts []blob.Name
	var whole []byte
	for i, n := range sizes {
		part := blob.Name(fmt.Sprintf("parts/%02d", i))
		data := bytesOf(string(part), n)
		put(t, s, part, data)
		parts, whole = append(parts, part), append(whole, data...)
		name := blob.Name(fmt.Sprintf("whole/%02d", i))
		info, err := s.Compose(t.Context(), name, parts, blob.PutOptions{Size: int64(len(whole))})
		if err != nil || info.Size != int64(len(whole)) || info.Name != name {
			t.Fatalf("Compose of %d parts = %+v, %v", len(parts), info, err)
		}
		wantBlob(t, s, name, whole, nil)
		wantBlob(t, s, part, data, nil)
	}
	twice := []blob.Name{parts[4], parts[4]}
	if _, err := s.Compose(t.Context(), "whole/twice", twice, blob.PutOptions{Size: 2 * 12345}); err != nil {
		t.Errorf("Compose of one part twice: %v", err)
	}
}

func composeRefused(t *testing.T, s blob.Store) {
	put(t, s, "part", []byte("part"))
	put(t, s, "taken", []byte("taken"))
	_, err := s.Compose(t.Context(), "taken", []blob.Name{"part"}, blob.PutOptions{Size: 4})
	wantError(t, "Compose onto a blob", err, blob.ErrExists)
	wantBlob(t, s, "taken", []byte("taken"), nil)
	_, err = s.Compose(t.Context(), "whole", []blob.Name{"part", "absent"}, blob.PutOptions{Size: 4})
	wantError(t, "Compose of an absent part", err, blob.ErrNotFound)
	wantAbsent(t, s, "whole")
	for _, size := range []int64{0, 3, 5, 4 << 20} {
		_, err = s.Compose(t.Context(), "whole", []blob.Name{"part"}, blob.PutOptions{Size: size})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("Compose with announced size %d: %v, want kind invalid", size, err)
		}
		wantAbsent(t, s, "whole")
	}
}

func composeSidecar(t *testing.T, s blob.Store) {
	put(t, s, "part", []byte("part"))
	cause := errors.New("no digest")
	opts := blob.PutOptions{Size: 4, Sidecar: func() ([]byte, error) { return nil, cause }}
	_, err := s.Compose(t.Context(), "whole", []blob.Name{"part"}, opts)
	wantError(t, "Compose with a failing sidecar", err, cause)
	wantAbsent(t, s, "whole")
	sidecar, calls := bytesOf("sidecar", blob.MaxSidecar), 0
	opts.Sidecar = func() ([]byte, error) { calls++; return sidecar, nil }
	if _, err = s.Compose(t.Context(), "whole", []blob.Name{"part"}, opts); err != nil || calls != 1 {
		t.Fatalf("Compose: %v, sidecar asked for %d times", err, calls)
	}
	wantBlob(t, s, "whole", []byte("part"), sidecar)
}

func composeCancelled(t *testing.T, s blob.Store) {
	put(t, s, "part", []byte("part"))
	_, err := s.Compose(cancelled(), "whole", []blob.Name{"part"}, blob.PutOptions{Size: 4})
	wantError(t, "Compose", err, context.Canceled)
	wantAbsent(t, s, "whole")
}
