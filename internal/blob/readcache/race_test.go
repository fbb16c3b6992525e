package readcache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/mem"
	"holdfast/internal/blob/readcache"
	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) { lifecycletest.Main(m) }

// gated lets a test hold a transfer in its middle.
type gated struct {
	blob.Store
	begun chan struct{} // receives when a transfer began
	gate  chan struct{} // closed to let it go on
}

func newGated() *gated {
	return &gated{Store: mem.New(), begun: make(chan struct{}, 100), gate: make(chan struct{})}
}

func (g *gated) Open(ctx context.Context, n blob.Name) (blob.Blob, error) {
	b, err := g.Store.Open(ctx, n)
	if err != nil {
		return nil, err
	}
	return &gatedBlob{b, ctx, g}, nil
}

type gatedBlob struct {
	blob.Blob
	ctx context.Context //nolint:containedctx // as in any blob behind a network
	g   *gated
}

func (b *gatedBlob) Read(p []byte) (int, error) {
	b.g.begun <- struct{}{}
	select {
	case <-b.g.gate:
		return b.Blob.Read(p)
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

// A copy must not outlive its blob, also when it came while the blob went.
func TestABlobThatGoesWhileItIsFetchedIsNotKept(t *testing.T) {
	t.Parallel()
	for what, remove := range map[string]func(s blob.Store) error{
		"deleted": func(s blob.Store) error { return s.Delete(context.Background(), "blobs/00/a") },
		"moved":   func(s blob.Store) error { return s.Move(context.Background(), "blobs/00/a", "trash/00/a") },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			store, dir := newGated(), t.TempDir()
			c := open(t, store, dir, 1<<20)
			put(t, c, "blobs/00/a", "hello")
			opened := make(chan error)
			go func() {
				b, err := c.Open(context.Background(), "blobs/00/a")
				if err == nil {
					b.Close()
				}
				opened <- err
			}()
			<-store.begun
			if err := remove(c); err != nil {
				t.Fatal(err)
			}
			close(store.gate)
			if err := <-opened; err != nil && !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("the reader got %v", err)
			}
			if _, err := c.Open(t.Context(), "blobs/00/a"); !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("after it was %s: %v", what, err)
			}
			if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 || diskUse(t, dir) != 0 {
				t.Errorf("left: %+v, %d bytes on disk", s, diskUse(t, dir))
			}
		})
	}
}

func TestAFetchBelongsToAllWhoWaitForIt(t *testing.T) {
	t.Parallel()
	store := newGated()
	c := open(t, store, t.TempDir(), 1<<20)
	put(t, c, "blobs/00/a", "hello")
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := c.Open(ctx, "blobs/00/a")
		first <- err
	}()
	<-store.begun
	second := make(chan string)
	go func() { second <- read(t, c, "blobs/00/a") }()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first reader gave up and got %v", err)
	}
	close(store.gate)
	if got := <-second; got != "hello" {
		t.Errorf("the second reader got %q", got)
	}
	if s := c.Stats(); s.Misses != 1 {
		t.Errorf("fetched more than once: %+v", s)
	}
}

func TestCloseEndsWhatIsBeingFetched(t *testing.T) {
	t.Parallel()
	store, dir := newGated(), t.TempDir()
	c := open(t, store, dir, 1<<20)
	put(t, c, "blobs/00/a", "hello")
	got := make(chan error)
	go func() {
		_, err := c.Open(context.Background(), "blobs/00/a")
		got <- err
	}()
	<-store.begun
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("the reader got %v", err)
	}
	close(store.gate)
	if read(t, c, "blobs/00/a") != "hello" || diskUse(t, dir) != 0 {
		t.Error("after Close the store is not passed through, or the cache is still written")
	}
}

func TestABrokenCacheCostsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := &counting{Store: mem.New()}
	reports := 0
	c, err := readcache.New(store, dir, 1<<20, func(error) { reports++ })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "blobs/00/a", "hello")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		read(t, c, "blobs/00/a")
	}
	if n := store.opens.Load(); n != 6 || reports != 1 {
		t.Errorf("the store was asked %d times for 5 reads, %d reports", n, reports)
	}
}

func TestACopyThatWasCutByHandIsFetchedAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, mem.New(), dir, 1<<20)
	put(t, c, "blobs/00/a", "hello")
	read(t, c, "blobs/00/a")
	files, _ := filepath.Glob(filepath.Join(dir, "????????????????"))
	if len(files) != 1 {
		t.Fatalf("copies: %v", files)
	}
	if err := os.Truncate(files[0], 2); err != nil {
		t.Fatal(err)
	}
	if got := read(t, c, "blobs/00/a"); got != "hello" {
		t.Errorf("read %q", got)
	}
}

// Many read, delete, restore and look at a cache that is far too small for all of it.
func TestACrowdKeepsTheBoundAndReadsTheTruth(t *testing.T) {
	t.Parallel()
	const blobs, bound = 64, 16 * room
	dir := t.TempDir()
	c := open(t, mem.New(), dir, bound)
	content := func(i int) string { return strings.Repeat(fmt.Sprintf("%04d", i), 100+10*i) }
	for i := range blobs {
		put(t, c, blob.Name(fmt.Sprintf("blobs/00/%d", i)), content(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), soak(500*time.Millisecond, time.Minute))
	defer cancel()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := rand.IntN(blobs)
				name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
				if g == 0 { // one moves blobs away and back
					if err := errors.Join(c.Move(context.Background(), name, "trash/"+name), c.Move(context.Background(), "trash/"+name, name)); err != nil {
						t.Error(err)
					}
				}
				if err := look(c, name, content(i)); err != nil {
					t.Error(err)
					return
				}
				if s := c.Stats(); s.Bytes > bound {
					t.Errorf("the bound is passed: %+v", s)
					return
				}
			}
		})
	}
	wg.Wait()
	if s := c.Stats(); diskUse(t, dir) != s.Bytes || s.Bytes > bound || s.Evicted == 0 || s.Hits == 0 {
		t.Errorf("%d bytes on disk, %+v", diskUse(t, dir), s)
	}
}

// look reads a blob that may be away for the moment.
func look(c *readcache.Cache, name blob.Name, want string) error {
	b, err := c.Open(context.Background(), name)
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.Close()
	got, err := io.ReadAll(b)
	if err == nil && string(got) != want {
		err = fmt.Errorf("%s has %d bytes that are not its own", name, len(got))
	}
	return err
}

// soak returns the long time when HOLDFAST_SOAK is set.
func soak(short, long time.Duration) time.Duration {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return long
	}
	return short
}
