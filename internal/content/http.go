package content

import (
	"net/http"

	"holdfast/internal/control"
)

// Routes returns what browsers and git services reach, to be mounted on the edge: patterns of http.ServeMux.
func (c *Content) Routes() map[string]http.Handler {
	return map[string]http.Handler{
		"GET " + urlPrefix: http.HandlerFunc(c.serveFile), // /content/<source>/<commit>[~<expires>.<mac>]/<path>
	}
}

// SocketRoutes returns what applications on this machine reach through the content socket. What destroys anything is not
// among it.
func (c *Content) SocketRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/content/ensure":   control.Handle(c.Ensure),
		"POST /v1/content/release":  control.Handle(c.Release),
		"POST /v1/content/renew":    control.Handle(c.Renew),
		"POST /v1/content/prefetch": control.Handle(c.Prefetch),
		"POST /v1/content/revision": control.Handle(c.Revision),
		"POST /v1/content/url":      control.Handle(c.URL),
		"POST /v1/content/list":     control.Handle(c.List),
		"POST /v1/content/show":     control.Handle(c.Show),
		"POST /v1/content/stats":    control.Handle(c.Stats),
	}
}
