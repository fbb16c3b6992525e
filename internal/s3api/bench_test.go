package s3api_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"holdfast/internal/s3api/s3apitest"
)

// benchSize is the size in bytes of the objects that the benchmarks read and write.
const benchSize = 16 << 10

func benchEndpoint(b *testing.B) (client, string) {
	b.Helper()
	e := s3apitest.Start(b, s3apitest.Options{Log: slog.New(slog.DiscardHandler)})
	c := newClient(b, e)
	c.mustBucket("bench")
	body := pattern(benchSize)
	c.mustPut("/bench/k", body)
	return c, body
}

// BenchmarkGet reads objects of 16 KiB over loopback connections that are kept, each request signed.
func BenchmarkGet(b *testing.B) {
	c, body := benchEndpoint(b)
	parallel(b, func(h *http.Client) error {
		return roundTrip(c, h, http.MethodGet, "/bench/k", "", len(body))
	})
}

// BenchmarkPut writes objects of 16 KiB, each durable before it is answered.
func BenchmarkPut(b *testing.B) {
	c, body := benchEndpoint(b)
	var n atomic.Int64
	parallel(b, func(h *http.Client) error {
		return roundTrip(c, h, http.MethodPut, "/bench/p/"+strconv.FormatInt(n.Add(1), 10), body, 0)
	})
}

// BenchmarkHandlerGet is BenchmarkGet without connections and without a client: what the endpoint itself costs.
func BenchmarkHandlerGet(b *testing.B) {
	c, _ := benchEndpoint(b)
	r := c.request(http.MethodGet, "/bench/k", "")
	if _, err := c.signer().SignHeader(r, ""); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := httptest.NewRecorder()
			c.e.Server.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Error(w.Code)
			}
		}
	})
}

// parallel runs 16 clients per processor, because most of a request is waiting.
func parallel(b *testing.B, do func(h *http.Client) error) {
	b.Helper()
	b.SetBytes(benchSize)
	b.ReportAllocs()
	b.SetParallelism(16)
	h := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer h.CloseIdleConnections()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(h); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func roundTrip(c client, h *http.Client, method, target, body string, want int) error {
	r := c.request(method, target, body)
	if _, err := c.signer().SignHeader(r, "UNSIGNED-PAYLOAD"); err != nil {
		return err
	}
	res, err := h.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || int(n) != want) {
		err = fmt.Errorf("status %d, %d bytes, want %d", res.StatusCode, n, want)
	}
	return err
}
