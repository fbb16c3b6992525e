package assets

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// APIRoutes returns what administrators and their programs reach, to be mounted behind the admin token and on the control
// socket.
func (a *Assets) APIRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/assets/status":    control.Handle(a.statusCall),
		"POST /v1/assets/list":      control.Handle(a.listCall),
		"POST /v1/assets/resolve":   control.Handle(a.resolveCall),
		"POST /v1/assets/build":     control.Handle(a.buildCall),
		"POST /v1/assets/unpublish": control.Handle(a.unpublishCall),
		"GET /v1/assets/manifest":   http.HandlerFunc(a.getManifest), // {"css/main.css": "/static/css/main.3f2a9c01b7de.css"}
		"GET /v1/assets/content":    http.HandlerFunc(a.getContent),  // ?name=
		"PUT /v1/assets/content":    http.HandlerFunc(a.putContent),  // ?name=
	}
}

// ListRequest asks for assets.
type ListRequest struct {
	Match string `json:"match,omitempty"` // a pattern; default all
}

// ResolveRequest asks for assets by their logical names.
type ResolveRequest struct {
	Names []string `json:"names"`
}

// Entries is the answer to both.
type Entries struct {
	Assets []Entry `json:"assets"`
}

// NameRequest names an asset.
type NameRequest struct {
	Name string `json:"name"`
}

func (a *Assets) listCall(_ context.Context, r ListRequest) (Entries, error) {
	if r.Match != "" {
		if err := checkPattern(r.Match); err != nil {
			return Entries{}, fault.New(fault.Usage, "bad_pattern", "pattern %q: %w", r.Match, err)
		}
	}
	return Entries{a.List(r.Match)}, nil
}

func (a *Assets) resolveCall(_ context.Context, r ResolveRequest) (Entries, error) {
	found, err := a.Resolve(r.Names)
	return Entries{found}, err
}

func (a *Assets) buildCall(ctx context.Context, _ control.Empty) (Report, error) { return a.Build(ctx) }

func (a *Assets) unpublishCall(ctx context.Context, r NameRequest) (control.Empty, error) {
	return control.Empty{}, a.Unpublish(ctx, r.Name)
}

func (a *Assets) statusCall(context.Context, control.Empty) (Status, error) { return a.Status(), nil }

func (a *Assets) getManifest(w http.ResponseWriter, _ *http.Request) {
	out := map[string]string{}
	for _, e := range a.List("") {
		out[e.Name] = e.URL
	}
	control.WriteJSON(w, http.StatusOK, out)
}

func (a *Assets) getContent(w http.ResponseWriter, r *http.Request) {
	e, body, err := a.Open(r.URL.Query().Get("name"))
	if err != nil {
		control.WriteError(w, err)
		return
	}
	defer body.Close()
	h := w.Header()
	h.Set("Content-Type", e.Type)
	h.Set("Content-Length", strconv.FormatInt(e.Size, 10))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", "attachment")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = io.Copy(w, body) // the client is gone: nobody is left to tell
}

func (a *Assets) putContent(w http.ResponseWriter, r *http.Request) {
	published, err := a.Publish(r.Context(), r.URL.Query().Get("name"), r.Body)
	if err != nil {
		control.WriteError(w, err)
		return
	}
	control.WriteJSON(w, http.StatusOK, published)
}

// Status says how the feature is.
type Status struct {
	URL       string    `json:"url"`
	Assets    int       `json:"assets"`    // logical names
	Served    int       `json:"served"`    // paths that are answered
	Retired   int       `json:"retired"`   // hashed names of former releases
	Published int       `json:"published"` // logical names that were published at run time
	Memory    int64     `json:"memory"`    // bytes
	Damaged   []string  `json:"damaged,omitempty"`
	Sharing   bool      `json:"sharing"`
	Built     time.Time `json:"built,omitzero"` // when the last build of this process ended
	Problem   string    `json:"problem,omitempty"`
	Notes     []Note    `json:"notes,omitempty"` // of the last build
}

// Status asks nobody.
func (a *Assets) Status() Status {
	s := a.set.Load()
	out := Status{
		URL: a.config().URL, Assets: len(s.names), Served: len(s.resources), Retired: s.retired, Memory: s.bytes,
		Damaged: s.damaged, Sharing: a.sharing, Published: s.published,
	}
	if last := a.outcome.Load(); last != nil {
		out.Built, out.Notes = last.at, last.report.Notes
		if last.err != nil {
			out.Problem = last.err.Error()
		}
	}
	return out
}
