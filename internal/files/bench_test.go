package files_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/lane"
)

// The handler alone, without a network: what serving a link costs.
func BenchmarkLinkHandler(b *testing.B) {
	n := newSite(b, onDisk(b)).node(b)
	for _, size := range []int{4 << 10, 1 << 20} {
		key := strconv.Itoa(size)
		n.put(b, "papers", key, "application/zip", strings.Repeat("x", size))
		path := n.sign(b, "papers", key)
		h := n.Routes()["/m/"]
		b.Run(key, func(b *testing.B) {
			req := httptest.NewRequest(http.MethodGet, path, nil)
			w := &nowhere{header: http.Header{}}
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, req)
				if w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// The same in the lane.
func BenchmarkLinkInTheLane(b *testing.B) {
	n := newSite(b, onDisk(b)).node(b)
	n.put(b, "papers", "x", "application/zip", strings.Repeat("x", 4<<10))
	q := &lane.Request{Method: http.MethodGet, Path: []byte(n.sign(b, "papers", "x"))}
	h := n.Lanes()["/m/"]
	h.Warm(b.Context(), q)
	var r lane.Reply
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		if h.Answer(q, &r) != lane.Answered || r.Status != http.StatusOK {
			b.Fatal(r.Status)
		}
	}
}

// nowhere takes an answer and drops it.
type nowhere struct {
	header http.Header
	status int
}

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n *nowhere) WriteHeader(status int)      { n.status = status }

// Through net/http and a connection that is kept, client and server on the same cores.
func BenchmarkGetThroughLink(b *testing.B) {
	n := newSite(b, onDisk(b)).node(b)
	for _, size := range []int{4 << 10, 1 << 20} {
		key := strconv.Itoa(size)
		n.put(b, "papers", key, "application/zip", strings.Repeat("x", size))
		url := n.url + n.sign(b, "papers", key)
		b.Run(key, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				resp, err := http.Get(url) //nolint:noctx // the server ends with the benchmark
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
