package files

import (
	"net/http"

	"holdfast/internal/control"
)

// Routes returns what browsers reach, to be mounted on the edge: patterns of http.ServeMux.
func (f *Files) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"/m/":      http.HandlerFunc(f.serveLink),   // signed links
		"/u/":      http.HandlerFunc(f.serveUpload), // upload slots
		f.mediaURL: http.HandlerFunc(f.serveMedia),  // public buckets; links in the parameter hf
	}
}

// APIRoutes returns what administrators and their programs reach, to be mounted behind the admin token and on the
// control socket.
func (f *Files) APIRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/files/status": control.Handle(f.statusCall),

		"POST /v1/files/bucket/list":   control.Handle(f.listBuckets),
		"POST /v1/files/bucket/stat":   control.Handle(f.statBucket),
		"POST /v1/files/bucket/create": control.Handle(f.createBucket),
		"POST /v1/files/bucket/update": control.Handle(f.updateBucket),
		"POST /v1/files/bucket/delete": control.Handle(f.deleteBucket),

		"POST /v1/files/object/list":   control.Handle(f.listObjects),
		"POST /v1/files/object/stat":   control.Handle(f.statObject),
		"POST /v1/files/object/delete": control.Handle(f.deleteObjects),
		"GET /v1/files/object/content": http.HandlerFunc(f.getContent), // ?bucket=&key=
		"PUT /v1/files/object/content": http.HandlerFunc(f.putContent), // ?bucket=&key=&type=&ttl=&create=1

		"POST /v1/files/link/sign":   control.Handle(f.SignLink),
		"POST /v1/files/slot/create": control.Handle(f.CreateSlot),

		"POST /v1/files/accesskey/list":   control.Handle(f.listAccessKeys),
		"POST /v1/files/accesskey/create": control.Handle(f.createAccessKey),
		"POST /v1/files/accesskey/rotate": control.Handle(f.rotateAccessKey),
		"POST /v1/files/accesskey/revoke": control.Handle(f.revokeAccessKey),

		"POST /v1/files/linkkey/list":       control.Handle(f.listLinkKeys),
		"POST /v1/files/linkkey/reveal":     control.Handle(f.revealLinkKey),
		"POST /v1/files/linkkey/rotate":     control.Handle(f.rotateLinkKey),
		"POST /v1/files/linkkey/revoke":     control.Handle(f.revokeLinkKey),
		"POST /v1/files/linkkey/revoke-all": control.Handle(f.revokeLinks),
	}
}

// ControlRoutes returns what only the control socket offers, besides APIRoutes: it writes to the server's own disk.
func (f *Files) ControlRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/files/export": http.HandlerFunc(f.serveExport), // answers with a line of JSON for each step
	}
}
