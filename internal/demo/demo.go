package demo

import (
	"context"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// Bucket is where the demo's pictures lie.
const Bucket = "demo"

// MaxSize bounds a picture, in bytes.
const MaxSize = 20_000_000

// slotLife is how long an upload may take to begin.
const slotLife = 10 * time.Minute

// Files is what the demo asks of the files feature.
type Files interface {
	// SlotURL returns the URL that takes one upload of the media type to the key.
	SlotURL(ctx context.Context, bucket, key, mediaType string, maxSize int64, life time.Duration) (string, error)
	// LinkURL returns a signed link to what the key holds now. expired makes one whose time is over.
	LinkURL(ctx context.Context, bucket, key string, expired bool) (string, error)
}

//go:embed page
var page embed.FS

// Routes returns the demo's routes, to be mounted on the edge. Without a course there are no questions.
func Routes(f Files, c Course) map[string]http.Handler {
	static, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the directory is embedded: only a misspelled name can fail
	}
	routes := map[string]http.Handler{
		"GET /{$}":        pageHeaders(http.FileServerFS(static)),
		"GET /demo/":      pageHeaders(http.StripPrefix("/demo/", http.FileServerFS(static))),
		"POST /demo/slot": sameOrigin(control.Handle(slot(f))),
		"POST /demo/link": sameOrigin(control.Handle(linkTo(f))),
	}
	if c != nil {
		routes["GET /demo/question/{id...}"] = pageHeaders(http.HandlerFunc(newQuestions(c).show))
	}
	return routes
}

type slotRequest struct {
	Key  string `json:"key"`
	Type string `json:"type"`
}

type linkRequest struct {
	Key     string `json:"key"`
	Expired bool   `json:"expired"`
}

type urlAnswer struct {
	URL string `json:"url"`
}

func slot(f Files) func(context.Context, slotRequest) (urlAnswer, error) {
	return func(ctx context.Context, r slotRequest) (urlAnswer, error) {
		url, err := f.SlotURL(ctx, Bucket, r.Key, r.Type, MaxSize, slotLife)
		return urlAnswer{url}, err
	}
}

func linkTo(f Files) func(context.Context, linkRequest) (urlAnswer, error) {
	return func(ctx context.Context, r linkRequest) (urlAnswer, error) {
		url, err := f.LinkURL(ctx, Bucket, r.Key, r.Expired)
		return urlAnswer{url}, err
	}
}

func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}

func sameOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Holdfast-Demo") == "" {
			control.WriteError(w, fault.New(fault.Denied, "not_same_origin", "this route serves the demo page only"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
