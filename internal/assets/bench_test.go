package assets

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// overwrite changes a file of the set in place, as nobody should.
func overwrite(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sink is a ResponseWriter that costs nothing itself.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(b []byte) (int, error) { return len(b), nil }
func (s sink) WriteHeader(int)             {}

// S3-15: a request asks nobody and allocates nothing.
func TestServingAllocatesNothing(t *testing.T) {
	b := newBench(t, siteFiles())
	a := serving(t, b, "https://www.example.com")
	q := Query{Method: "GET", Path: "/static/css/main.css", AcceptEncoding: "gzip, deflate, br, zstd", IfNoneMatch: `"x"`}
	if n := testing.AllocsPerRun(100, func() { a.Answer(&q) }); n != 0 {
		t.Errorf("Answer allocates %v times", n)
	}
	r := httptest.NewRequest("GET", "/static/css/main.css", nil)
	r.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	w := sink{http.Header{}}
	if n := testing.AllocsPerRun(100, func() { a.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("ServeHTTP allocates %v times", n)
	}
}

func BenchmarkAnswer(b *testing.B) {
	a := serving(b, newBench(b, siteFiles()))
	q := Query{Method: "GET", Path: "/static/css/main.css", AcceptEncoding: "gzip, deflate, br, zstd"}
	b.ReportAllocs()
	for b.Loop() {
		a.Answer(&q)
	}
}

func BenchmarkServe(b *testing.B) {
	a := serving(b, newBench(b, siteFiles()))
	for name, fields := range map[string][2]string{
		"whole": {"Accept-Encoding", "gzip, deflate, br, zstd"}, "unchanged": {"If-None-Match", "*"}, "range": {"Range", "bytes=1-5"},
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/static/css/main.css", nil)
			r.Header.Set(fields[0], fields[1])
			w := sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				a.ServeHTTP(w, r)
			}
		})
	}
}
