package edge_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holdfast/internal/edge"
	"holdfast/internal/httpcache"
	"holdfast/internal/logging"
)

// BenchmarkPageCache asks for a page of 10 KB through the edge: from the cache, past it, and of an application that forbids to keep it.
func BenchmarkPageCache(b *testing.B) {
	body := strings.Repeat("x", 10_000)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/private") {
			w.Header().Set("Cache-Control", "max-age=36000")
		}
		_, _ = io.WriteString(w, body)
	}))
	defer app.Close()
	c := cached(app.URL)
	c.Cache.Rules = []httpcache.Rule{{Path: "/passed/", Bypass: true}}
	e, err := edge.New(edge.Options{Config: c, Key: []byte("k"), Log: logging.New(logging.Config{Level: "error"}, io.Discard)})
	if err == nil {
		err = e.Start(b.Context())
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range []string{"/kept/", "/passed/", "/private/"} {
		b.Run(strings.Trim(path, "/"), func(b *testing.B) { askMany(b, e.URL()+path) })
	}
	if err := e.Stop(b.Context()); err != nil {
		b.Error(err)
	}
}
