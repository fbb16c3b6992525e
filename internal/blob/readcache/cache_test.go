package readcache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/mem"
	"holdfast/internal/blob/readcache"
	"holdfast/internal/fault"
)

func open(t *testing.T, store blob.Store, dir string, max int64) *readcache.Cache {
	t.Helper()
	c, err := readcache.New(store, dir, max, func(err error) { t.Errorf("reported: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCacheKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, mem.New(), t.TempDir(), 16<<20) }, blobtest.InMemory())
}

// counting counts what reaches the store behind the cache.
type counting struct {
	blob.Store
	opens, sidecars atomic.Int64
	err             error
}

func (c *counting) Open(ctx context.Context, n blob.Name) (blob.Blob, error) {
	c.opens.Add(1)
	if c.err != nil {
		return nil, c.err
	}
	return c.Store.Open(ctx, n)
}

func (c *counting) Sidecar(ctx context.Context, n blob.Name) ([]byte, error) {
	c.sidecars.Add(1)
	return c.Store.Sidecar(ctx, n)
}

func put(t *testing.T, s blob.Store, n blob.Name, data string) {
	t.Helper()
	_, err := s.Put(t.Context(), n, strings.NewReader(data), blob.PutOptions{
		Size: int64(len(data)), Sidecar: func() ([]byte, error) { return []byte("side of " + string(n)), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s blob.Store, n blob.Name) string {
	t.Helper()
	b, err := s.Open(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestABlobIsFetchedOnceAndOutlivesTheStoresAbsence(t *testing.T) {
	t.Parallel()
	store := &counting{Store: mem.New()}
	dir := t.TempDir()
	c := open(t, store, dir, 1<<20)
	put(t, c, "blobs/00/a", "hello")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if b, err := c.Open(context.Background(), "blobs/00/a"); err != nil {
				t.Error(err)
			} else {
				b.Close()
			}
		})
	}
	wg.Wait()
	store.err = errors.New("store is down")
	if got := read(t, c, "blobs/00/a"); got != "hello" {
		t.Errorf("read %q", got)
	}
	if side, err := c.Sidecar(t.Context(), "blobs/00/a"); err != nil || string(side) != "side of blobs/00/a" {
		t.Errorf("sidecar %q, %v", side, err)
	}
	if store.opens.Load() != 1 || store.sidecars.Load() != 1 {
		t.Errorf("%d opens, %d sidecars", store.opens.Load(), store.sidecars.Load())
	}
	c.Close()
	again := open(t, store, dir, 1<<20)
	if got := read(t, again, "blobs/00/a"); got != "hello" || again.Stats().Hits != 1 {
		t.Errorf("after a restart: %q, %+v", got, again.Stats())
	}
}

// room is what a blob of a thousand bytes takes: a block for itself and one for its description.
const room = 2 * 4096

func TestTheCacheStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mem.New()
	c := open(t, store, dir, 8*room)
	for i := range 40 {
		n := blob.Name(fmt.Sprintf("blobs/00/%02d", i))
		put(t, c, n, strings.Repeat("x", 1000))
		read(t, c, n)
		read(t, c, "blobs/00/00") // kept in use
	}
	big := blob.Name("blobs/00/big")
	put(t, c, big, strings.Repeat("y", room+1)) // more than an eighth
	read(t, c, big)
	s := c.Stats()
	if used := diskUse(t, dir); used != 8*room || s.Bytes != 8*room || s.Passed != 1 || s.Evicted != 32 {
		t.Errorf("%d bytes on disk, %+v", used, s)
	}
	if s.Hits < 39 {
		t.Errorf("the blob in use was evicted: %+v", s)
	}
}

// diskUse returns what copies and descriptions take, in whole blocks.
func diskUse(t *testing.T, dir string) int64 {
	t.Helper()
	var sum int64
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || f.Name() == "lock" || f.Name() == "boot" {
			continue // gone meanwhile
		}
		sum += (info.Size() + 4095) / 4096 * 4096
	}
	return sum
}

func TestACacheFromBeforeTheLastBootIsEmptied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mem.New()
	c := open(t, store, dir, 8*room)
	put(t, c, "blobs/00/a", "hello")
	read(t, c, "blobs/00/a")
	c.Close()
	if err := os.WriteFile(filepath.Join(dir, "boot"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := open(t, store, dir, 8*room).Stats(); s.Entries != 0 {
		t.Errorf("kept %+v", s)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("left %v", files)
	}
}

func TestLeftoversAndTornFilesAreCleared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mem.New()
	c := open(t, store, dir, 80000)
	for _, n := range []blob.Name{"blobs/00/a", "blobs/00/b"} {
		put(t, c, n, "hello")
		read(t, c, n)
	}
	c.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "????????????????"))
	if err := os.Truncate(files[0], 2); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tmp-123", strings.Repeat("ab", 8)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c = open(t, store, dir, 80000)
	if s := c.Stats(); s.Entries != 1 {
		t.Errorf("kept %+v", s)
	}
	if left, _ := os.ReadDir(dir); len(left) != 4 { // lock, boot, a copy and its description
		t.Errorf("left %v", left)
	}
}

func TestADirectoryHasOneUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, mem.New(), dir, 1)
	if _, err := readcache.New(mem.New(), dir, 1, nil); fault.CodeOf(err) != "cache_in_use" {
		t.Errorf("got %v", err)
	}
}

func TestACacheThatCannotBeWrittenPassesTheStoreThrough(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := mem.New()
	var reported atomic.Int64
	c, err := readcache.New(store, dir, 1<<20, func(err error) {
		if err == nil {
			reported.Add(100)
		}
		reported.Add(1)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetPause(0)
	put(t, c, "blobs/00/a", "hello")
	if err := os.RemoveAll(dir); err != nil { // root ignores modes, a missing directory nobody can
		t.Fatal(err)
	}
	if got := read(t, c, "blobs/00/a"); got != "hello" || reported.Load() != 1 {
		t.Errorf("read %q, reported %d times", got, reported.Load())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if read(t, c, "blobs/00/a"); reported.Load() != 102 {
		t.Errorf("the repair was not reported: %d", reported.Load())
	}
}

func TestAnOpenCopyIsAFile(t *testing.T) {
	t.Parallel()
	c := open(t, mem.New(), t.TempDir(), 1<<20)
	put(t, c, "blobs/00/a", "hello")
	b, err := c.Open(t.Context(), "blobs/00/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f, ok := b.(blob.Filer)
	if !ok {
		t.Fatal("visitors would not be served by sendfile")
	}
	got, _ := io.ReadAll(f.File())
	if !bytes.Equal(got, []byte("hello")) {
		t.Errorf("file holds %q", got)
	}
}
