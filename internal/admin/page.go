package admin

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

//go:embed page
var files embed.FS

var pageTemplate = template.Must(template.New("status.html").Funcs(template.FuncMap{
	"ago": ago,
}).ParseFS(files, "page/status.html"))

func (a *Admin) page(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if err := pageTemplate.Execute(w, a.Report(r.Context())); err != nil {
		a.opts.Log.ErrorContext(r.Context(), "status page", "error", err)
	}
}

func (a *Admin) statusJSON(w http.ResponseWriter, r *http.Request) {
	control.WriteJSON(w, http.StatusOK, a.Report(r.Context()))
}

func style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "page/style.css")
}

func notFound(w http.ResponseWriter, r *http.Request) {
	control.WriteError(w, fault.New(fault.NotFound, "no_route", "no route %s %s", r.Method, r.URL.Path))
}

// maxLogLines bounds what one request for the log may ask of the past.
const maxLogLines = 10_000

// logs streams the log: ?lines=N of the past, and with follow=1 what comes.
func (a *Admin) logs(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.URL.Query().Get("lines"))
	if err != nil || n < 0 {
		n = 100
	}
	n = min(n, maxLogLines)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("follow") != "1" {
		for _, line := range a.opts.Logs.Last(n) {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
		return
	}
	flush := http.NewResponseController(w)
	_ = a.opts.Logs.Follow(r.Context(), n, func(line []byte, lost int) error {
		if lost > 0 {
			fmt.Fprintf(w, "… %d lines lost: the reader was too slow\n", lost)
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		return flush.Flush()
	}) // it ends when the reader goes away
}

func ago(t time.Time) string { return time.Since(t).Truncate(time.Second).String() }
