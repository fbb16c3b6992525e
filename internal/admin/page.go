package admin

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

//go:embed page
var files embed.FS

var pageTemplate = template.Must(template.New("status.html").Funcs(template.FuncMap{
	"ago": ago, "verdict": verdict, "label": label, "show": show,
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

// ago prints a time span with its two largest units.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

func verdict(s State) string {
	switch s {
	case OK:
		return "All is well"
	case Warning:
		return "It works, and something wants attention"
	}
	return "Something does not work"
}

// label is the name of a fact for people.
func label(name string) string { return strings.ReplaceAll(name, "_", " ") }

// show prints a fact for people: bytes with a unit, rates in percent, lists and numbers by name with commas; "" for nothing.
func show(f Fact) string {
	v := reflect.ValueOf(f.Value)
	var parts []string
	switch v.Kind() {
	case reflect.Invalid:
		return ""
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, fmt.Sprint(v.Index(i)))
		}
		return strings.Join(parts, ", ")
	case reflect.Map:
		for i := v.MapRange(); i.Next(); {
			parts = append(parts, fmt.Sprintf("%v %v", i.Value(), i.Key()))
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	case reflect.Int64:
		if f.Name == "bytes" || strings.HasSuffix(f.Name, "_bytes") || strings.HasSuffix(f.Name, "_bytes_max") {
			return Size(v.Int())
		}
	case reflect.Float64:
		if strings.HasSuffix(f.Name, "_rate") {
			return fmt.Sprintf("%.1f %%", v.Float())
		}
	}
	return fmt.Sprint(f.Value)
}

// Size prints bytes with three digits or so.
func Size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	f := float64(n)
	for f >= 1000 && len(units) > 1 {
		f, units = f/1000, units[1:]
	}
	return strconv.FormatFloat(f, 'g', 3, 64) + " " + units[0]
}
