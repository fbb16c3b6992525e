package daemon

import (
	"net/http"
	"net/http/pprof"
)

// profileRoutes are profiles of this process for go tool pprof, on the control socket and behind the admin token. A profile holds names of
// functions and numbers, and no data of visitors; the command line, which may hold more, is not among them.
func profileRoutes() map[string]http.Handler {
	all := map[string]http.Handler{
		"GET /debug/pprof/profile": http.HandlerFunc(pprof.Profile),
		"GET /debug/pprof/trace":   http.HandlerFunc(pprof.Trace),
	}
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		all["GET /debug/pprof/"+name] = pprof.Handler(name)
	}
	return all
}
