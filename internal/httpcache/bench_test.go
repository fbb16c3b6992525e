package httpcache

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

// nowhere is a visitor who throws away what it gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

func (n *nowhere) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

// benchmark asks again and again for one page as a browser does.
func benchmark(b *testing.B, config func(*Config), says ...string) {
	body := strings.Repeat("x", 10_000)
	r := newRig(b, config, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, body, append(says, "Content-Type: text/html; charset=utf-8", "Content-Length: 10000", `ETag: "a"`)...)
	})
	r.Cache.opts.Observe = func(context.Context, Result) {}
	q := request("GET /page?a=1", "User-Agent: Mozilla/5.0", "Accept: text/html", "Accept-Language: de", "Accept-Encoding: gzip, deflate, br, zstd", "Sec-Fetch-Mode: navigate")
	r.ServeHTTP(httptest.NewRecorder(), q)
	b.ReportAllocs()
	for b.Loop() {
		r.ServeHTTP(&nowhere{http.Header{}}, q)
	}
}

func BenchmarkHit(b *testing.B) { benchmark(b, nil, "Cache-Control: max-age=36000") }

func BenchmarkHitThatVaries(b *testing.B) {
	benchmark(b, nil, "Cache-Control: max-age=36000", "Vary: Accept-Encoding, Accept-Language")
}

func BenchmarkMissThatIsNotKept(b *testing.B) { benchmark(b, nil) }

func BenchmarkMissThatIsKept(b *testing.B) {
	benchmark(b, nil, "Cache-Control: max-age=0, must-revalidate")
}

func BenchmarkPass(b *testing.B) {
	benchmark(b, func(c *Config) { c.Rules = []Rule{{Path: "/", Bypass: true}} })
}

func TestTheCacheKeepsTheContractOfLifecycle(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	config.Disk, config.DiskFree = 10e6, 0
	lifecycletest.Stress(t, func() lifecycle.Service {
		return New(Options{Config: config, Dir: t.TempDir(), Next: http.NotFoundHandler()})
	})
}
