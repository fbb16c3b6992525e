package e2e_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/pgtest"
)

// flat is how much more memory the daemon may take for a large object than for none, in KB.
const flat = 48 << 10

// S0-30: a large object goes in and out, in one request and in parts, and the memory of the daemon stays flat: 5 GB with
// HOLDFAST_SOAK, else 256 MB.
func TestALargeObjectGoesInAndOutWithFlatMemory(t *testing.T) {
	t.Parallel()
	size := int64(256 << 20)
	if soak() {
		size = 5_000_000_000 // S3 takes 5 GiB at most in one request
	}
	site := newSite(t, pgtest.Database(t))
	n := site.serve()
	c := n.client(site.newKey())
	site.Must("files", "bucket", "create", "films")
	for name, opts := range map[string]minio.PutObjectOptions{
		"one":   {DisableMultipart: true},
		"parts": {PartSize: 64 << 20, NumThreads: 2},
	} {
		transfer(t, c, name+"-warm", 8<<20, opts) // buffers and connections are there from now on
		forgetPeak(t, n.PID)
		before := memory(t, n.PID, "VmHWM")
		began := time.Now()
		transfer(t, c, name, size, opts)
		took, after := time.Since(began), memory(t, n.PID, "VmHWM")
		t.Logf("%s: %d MB in and out in %s, %d MB/s; memory %d KB, before %d KB", name, size>>20, took.Round(time.Millisecond),
			int64(float64(2*size>>20)/took.Seconds()), after, before)
		if after > before+flat {
			t.Errorf("%s: memory grows from %d KB to %d KB", name, before, after)
		}
	}
}

// transfer stores an object and fetches it, and compares the digests.
func transfer(t *testing.T, c *client, key string, size int64, opts minio.PutObjectOptions) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	in, out := sha256.New(), sha256.New()
	if _, err := c.PutObject(ctx, "films", key, newStream(size, in), size, opts); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	o, err := c.GetObject(ctx, "films", key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	got, err := io.Copy(out, o)
	if err != nil || got != size || hexOf(in) != hexOf(out) {
		t.Errorf("get %s: %d of %d bytes, %v, digest %s, want %s", key, got, size, err, hexOf(out), hexOf(in))
	}
}

func hexOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// newStream yields so many random bytes and adds them to a digest.
func newStream(size int64, sum hash.Hash) io.Reader {
	var seed [32]byte
	seed[0] = byte(rand.Uint32())
	return io.TeeReader(io.LimitReader(rand.NewChaCha8(seed), size), sum)
}

// forgetPeak makes the present memory the most that was ever resident (proc_pid_clear_refs(5)).
func forgetPeak(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}
