package files

import (
	"encoding/json"
	"net/http"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// serveExport answers with a line of JSON for every thousand objects and every key that was skipped. An export that
// fails before it began is an error answer; afterwards the last line has the error.
func (f *Files) serveExport(w http.ResponseWriter, r *http.Request) {
	var req ExportRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, control.MaxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&req); err != nil {
		control.WriteError(w, fault.New(fault.Usage, "bad_request", "request: %w", err))
		return
	}
	out := json.NewEncoder(w)
	began := false
	var last ExportEvent
	err := f.Export(r.Context(), req, func(e ExportEvent) {
		if !began {
			w.Header().Set("Content-Type", "application/x-ndjson")
			began = true
		}
		last = e
		_ = out.Encode(e) // a client that went away cancels the request's context, which ends the export
		_ = http.NewResponseController(w).Flush()
	})
	switch {
	case err == nil:
	case !began:
		control.WriteError(w, err)
	default:
		last.Skipped, last.Reason = "", ""
		last.Error, last.Kind = err.Error(), fault.KindOf(err).String()
		last.Code, last.Hint = fault.CodeOf(err), fault.HintOf(err)
		_ = out.Encode(last) // as above
	}
}
