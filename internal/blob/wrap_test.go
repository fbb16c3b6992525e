package blob_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
)

func TestRetryKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store {
		return blob.Retry(mem.New(), blob.RetryOptions{})
	}, blobtest.InMemory())
}

func TestRetryKeepsTheContractOverAStoreThatFailsNowAndThen(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store {
		return blob.Retry(&flaky{mem.New()}, blob.RetryOptions{Attempts: 20, First: 1, Longest: 1})
	}, blobtest.InMemory())
}

func TestLimitKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store {
		return blob.Limit(mem.New(), blob.LimitOptions{Concurrent: 2, BytesPerSecond: 1 << 30})
	}, blobtest.InMemory())
}

func TestMeterKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return blob.Meter(mem.New(), &tally{}) }, blobtest.InMemory())
}

// flaky fails one call in three of what is always safe to repeat, by lot: callers that take turns would otherwise leave
// every third call, and so every failure, to the same one of them.
type flaky struct{ blob.Store }

func (f *flaky) fail() error {
	if rand.IntN(3) == 0 {
		return blob.ErrUnavailable
	}
	return nil
}

func (f *flaky) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if err := errors.Join(ctx.Err(), name.Valid(), f.fail()); err != nil {
		return nil, err
	}
	return f.Store.Open(ctx, name)
}

func (f *flaky) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	if err := errors.Join(ctx.Err(), name.Valid(), f.fail()); err != nil {
		return blob.Info{}, err
	}
	return f.Store.Stat(ctx, name)
}

func (f *flaky) Move(ctx context.Context, from, to blob.Name) error {
	err := f.Store.Move(ctx, from, to)
	if err == nil && f.fail() != nil { // done, but the answer is lost
		return blob.ErrUnavailable
	}
	return err
}

// List is lost somewhere on the way, unless its reader had enough before.
func (f *flaky) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	lost, left, enough := f.fail(), rand.IntN(10), false
	err := f.Store.List(ctx, prefix, after, func(info blob.Info) bool {
		if left--; left < 0 && lost != nil {
			return false
		}
		enough = !yield(info)
		return !enough
	})
	if err == nil && !enough {
		err = lost
	}
	return err
}

// Servers hand files to the kernel and exports make hard links: neither is lost behind the wrappers.
func TestWrappersKeepOptionalInterfacesReachable(t *testing.T) {
	t.Parallel()
	plain, err := disk.Open(disk.Options{Root: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	wrapped := blob.Meter(blob.Limit(blob.Retry(plain, blob.RetryOptions{}),
		blob.LimitOptions{Concurrent: 1, BytesPerSecond: 1 << 30}), &tally{})
	if linker, ok := blob.As[blob.Linker](wrapped); !ok || linker != blob.Linker(plain) {
		t.Errorf("As finds the linker %v, %v", linker, ok)
	}
	if _, ok := blob.As[interface{ Fly() }](wrapped); ok {
		t.Error("As finds what no store has")
	}
	put(t, wrapped, "a", "content")
	b, err := wrapped.Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	filer, ok := b.(blob.Filer)
	if !ok {
		t.Fatal("the open blob lost its method File")
	}
	if data, err := io.ReadAll(filer.File()); err != nil || string(data) != "content" {
		t.Errorf("the file holds %q, %v", data, err)
	}
}
