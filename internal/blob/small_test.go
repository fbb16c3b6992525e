package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
)

func keepSmall(t testing.TB, s blob.Store, bytes int64) blob.Store {
	t.Helper()
	k, err := blob.KeepSmall(s, bytes)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeepingSmallBlobsKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return keepSmall(t, mem.New(), 1<<20) }, blobtest.InMemory())
}

// counted tells how often blobs were opened.
type counted struct {
	blob.Store
	opens atomic.Int64
}

func (c *counted) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	c.opens.Add(1)
	return c.Store.Open(ctx, name)
}

func putText(t testing.TB, s blob.Store, name blob.Name, text string) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, strings.NewReader(text), blob.PutOptions{Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
}

func readText(s blob.Store, name blob.Name) (string, error) {
	b, err := s.Open(context.Background(), name)
	if err != nil {
		return "", err
	}
	defer b.Close()
	text, err := io.ReadAll(b)
	return string(text), err
}

func TestASmallBlobIsOpenedOnceAndALargeOneEachTime(t *testing.T) {
	t.Parallel()
	files, err := disk.Open(disk.Options{Root: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	under := &counted{Store: files}
	s := keepSmall(t, under, 1<<20)
	for size, want := range map[int]int64{0: 1, 1: 1, 16 << 10: 1, 16<<10 + 1: 3} {
		name := blob.Name(fmt.Sprintf("blobs/aa/%d", size))
		text := strings.Repeat("x", size)
		putText(t, s, name, text)
		under.opens.Store(0)
		for range 3 {
			if got, err := readText(s, name); got != text || err != nil {
				t.Fatalf("%d of %d bytes, %v", len(got), size, err)
			}
		}
		if got := under.opens.Load(); got != want {
			t.Errorf("%d bytes: opened %d times, want %d", size, got, want)
		}
		b, err := s.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := files.Stat(t.Context(), name); err != nil || b.Info() != info {
			t.Errorf("%+v from memory, %+v on disk, %v", b.Info(), info, err)
		}
		if f, ok := b.(blob.Filer); ok != (want == 3) {
			t.Errorf("%d bytes: a file %t (%v)", size, ok, f)
		}
		b.Close()
	}
	if got, ok := blob.As[blob.Linker](keepSmall(t, files, 1<<20)); !ok || got != blob.Linker(files) {
		t.Errorf("the store below is %T", got)
	}
}

func TestMemoryForSmallBlobsIsBounded(t *testing.T) {
	t.Parallel()
	under := &counted{Store: mem.New()}
	s := keepSmall(t, under, 64<<10)
	const n = 1000
	for i := range n {
		putText(t, s, blob.Name(fmt.Sprintf("b/%d", i)), strings.Repeat("y", 4<<10))
	}
	for range 4 {
		for i := range n {
			if _, err := readText(s, blob.Name(fmt.Sprintf("b/%d", i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := under.opens.Load(); got < 2*n {
		t.Errorf("opened %d times: 4 MB are kept in 64 KB", got)
	}
}

// A blob that is read while it is deleted must not come back afterwards, nor the old content under a name that was given again.
func TestWhatIsDeletedWhileItIsReadIsNotKept(t *testing.T) {
	t.Parallel()
	s := keepSmall(t, mem.New(), 1<<20)
	const name, away = blob.Name("blobs/aa/one"), blob.Name("trash/aa/one")
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = readText(s, name) // there or not
				}
			}
		})
	}
	for i := range 2000 {
		text := fmt.Sprint("version ", i)
		putText(t, s, name, text)
		if got, err := readText(s, name); got != text || err != nil {
			t.Errorf("%q, %v; want %q", got, err, text)
			break
		}
		if i%2 == 0 {
			if err := s.Move(t.Context(), name, away); err != nil {
				t.Fatal(err)
			}
			if got, err := readText(s, away); got != text || err != nil {
				t.Errorf("moved: %q, %v; want %q", got, err, text)
			}
			if err := s.Delete(t.Context(), away); err != nil {
				t.Fatal(err)
			}
		} else if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if got, err := readText(s, name); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("deleted, and still there: %q, %v", got, err)
			break
		}
	}
	close(stop)
	readers.Wait()
}

func TestABlobThatIsShorterThanItSaysIsNotKept(t *testing.T) {
	t.Parallel()
	under := &short{Store: mem.New()}
	putText(t, under, "b/1", "0123456789")
	s := keepSmall(t, under, 1<<20)
	if got, err := readText(s, "b/1"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
	under.whole.Store(true)
	if got, err := readText(s, "b/1"); got != "0123456789" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// short loses the second half of its blobs until it is told not to.
type short struct {
	blob.Store
	whole atomic.Bool
}

func (s *short) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	b, err := s.Store.Open(ctx, name)
	if err != nil || s.whole.Load() {
		return b, err
	}
	return halfBlob{b, bytes.NewReader([]byte("01234"))}, nil
}

type halfBlob struct {
	blob.Blob
	half *bytes.Reader
}

func (h halfBlob) Read(p []byte) (int, error) { return h.half.Read(p) }
