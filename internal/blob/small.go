package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/maypok86/otter/v2"
)

const (
	// largestSmall is the size in bytes up to which a blob is kept in memory: opening, reading and closing a file of that size costs
	// more than sending it.
	largestSmall = 16 << 10
	// smallFloor is what a kept blob costs besides its content, in bytes and roughly.
	smallFloor = 512
)

// KeepSmall keeps small blobs that were opened lately in memory, up to maxBytes in all, so that opening them again asks the store
// nothing. Blobs do not change, so what is kept is right for as long as the name stands for it. A Delete or Move through this store is
// seen at once; of one through another the owner of the names must know, as the index of the objects does, who asks for no dead blob.
// Blobs from memory are no [Filer].
func KeepSmall(s Store, maxBytes int64) (Store, error) {
	cache, err := otter.New(&otter.Options[Name, *smallBlob]{
		MaximumWeight: uint64(max(maxBytes, 1)),
		Weigher:       func(n Name, b *smallBlob) uint32 { return uint32(smallFloor + len(n) + len(b.data)) },
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of small blobs: %w", err)
	}
	return &keeper{Store: s, cache: cache}, nil
}

// keeper is a Store that keeps small blobs.
type keeper struct {
	Store
	cache *otter.Cache[Name, *smallBlob]

	mu      sync.Mutex // protects the following, and what is put into cache and taken out by name
	changes uint64     // deletions and moves so far: what was opened before one ended is not kept
}

// smallBlob is the content of a blob.
type smallBlob struct {
	info Info
	data []byte
}

// openSmall is a smallBlob that somebody reads.
type openSmall struct {
	bytes.Reader
	blob *smallBlob
}

// Info implements [Blob].
func (o *openSmall) Info() Info { return o.blob.info }

// Close implements io.Closer.
func (o *openSmall) Close() error { return nil }

func (b *smallBlob) open() Blob {
	o := &openSmall{blob: b}
	o.Reset(b.data)
	return o
}

// Unwrap implements [Unwrapper].
func (k *keeper) Unwrap() Store { return k.Store }

// Open implements [Reader].
func (k *keeper) Open(ctx context.Context, name Name) (Blob, error) {
	if kept, ok := k.cache.GetIfPresent(name); ok && ctx.Err() == nil {
		return kept.open(), nil
	}
	before := k.now()
	b, err := k.Store.Open(ctx, name)
	if err != nil || b.Info().Size > largestSmall {
		return b, err
	}
	defer b.Close()
	small := &smallBlob{info: b.Info(), data: make([]byte, b.Info().Size)}
	if _, err := io.ReadFull(b, small.data); err != nil {
		return nil, fmt.Errorf("read blob %s: %w", name, err)
	}
	k.keep(name, small, before)
	return small.open(), nil
}

// now returns how many changes there were.
func (k *keeper) now() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changes
}

// keep keeps a blob that was opened after so many changes, if there was none since: it may be gone.
func (k *keeper) keep(name Name, b *smallBlob, before uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == before {
		k.cache.Set(name, b)
	}
}

// Delete implements [Remover].
func (k *keeper) Delete(ctx context.Context, name Name) error {
	defer k.forget(name)
	return k.Store.Delete(ctx, name)
}

// Move implements [Remover].
func (k *keeper) Move(ctx context.Context, from, to Name) error {
	defer k.forget(from)
	return k.Store.Move(ctx, from, to)
}

// forget drops a blob that may be gone: an error does not tell that it is still there.
func (k *keeper) forget(name Name) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	k.cache.Invalidate(name)
}
