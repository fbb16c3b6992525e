package s3api_test

import (
	"hash"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"holdfast/internal/s3api/s3apitest"
)

// stream yields n bytes that are not all the same, and sums them up.
type stream struct {
	left int64
	sum  hash.Hash32
}

func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.left)]
	for i := range p {
		p[i] = byte(s.left >> (i & 7))
	}
	s.left -= int64(len(p))
	s.sum.Write(p)
	return len(p), nil
}

// peak returns a function that tells the highest use of the heap since, in bytes above what it was.
func peak(t *testing.T) func() int64 {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, highest := int64(m.HeapAlloc), int64(0)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				highest = max(highest, int64(m.HeapAlloc)-before)
			}
		}
	}()
	return func() int64 { close(stop); <-done; return highest }
}

// S0-30: a large object goes in and comes out with flat memory. With HOLDFAST_SOAK it has 5 GB, else 128 MB. Not parallel:
// other tests' memory would be counted.
func TestALargeObjectNeedsNoMemory(t *testing.T) {
	size := int64(128 << 20)
	if os.Getenv("HOLDFAST_SOAK") != "" {
		size = 5 << 30
	}
	e := s3apitest.Start(t, s3apitest.Options{Log: slog.New(slog.DiscardHandler)})
	c := newClient(t, e)
	c.mustBucket("bkt")
	used := peak(t)
	in := &stream{size, crc32.NewIEEE()}
	r := c.request(http.MethodPut, "/bkt/large", "")
	r.Body, r.ContentLength = io.NopCloser(in), size
	if _, err := c.signer().SignHeader(r, "UNSIGNED-PAYLOAD"); err != nil {
		t.Fatal(err)
	}
	c.send(r).want(t, http.StatusOK, "")
	r = c.request(http.MethodGet, "/bkt/large", "")
	if _, err := c.signer().SignHeader(r, ""); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := crc32.NewIEEE()
	n, err := io.Copy(out, res.Body)
	if err != nil || n != size || out.Sum32() != in.sum.Sum32() {
		t.Errorf("%d bytes of %d came back, sum %x of %x: %v", n, size, out.Sum32(), in.sum.Sum32(), err)
	}
	if got := used(); got > 32<<20 {
		t.Errorf("%d MB of memory for %d MB", got>>20, size>>20)
	} else {
		t.Logf("%d KB of memory for %d MB", got>>10, size>>20)
	}
	http.DefaultClient.CloseIdleConnections()
}
