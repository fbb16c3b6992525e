package edge

import (
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"holdfast/internal/throttle"
	"holdfast/internal/upstream"
)

// known refuses names that are not ours. No configured host means any.
func (s *site) known(next http.Handler) http.Handler {
	hosts := s.config.names()
	if len(hosts) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(hosts, hostname(r.Host)) {
			s.refuse(w, r, upstream.Refusal{
				Status: http.StatusMisdirectedRequest, Code: "unknown_host", Text: "this server does not answer for that host",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// filesOnly reports whether the application is not to be found on a host: it is the name that files have for themselves.
func (s *site) filesOnly(hostport string) bool {
	return len(s.config.Hosts) > 0 && s.config.FilesHost != "" && hostname(hostport) == s.config.FilesHost
}

// hostname returns the host without its port, in lower case.
func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// plain refuses methods and paths that nobody needs but to deceive.
func (s *site) plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect || r.Method == http.MethodTrace:
			s.refuse(w, r, upstream.Refusal{
				Status: http.StatusMethodNotAllowed, Code: "method_refused", Text: "This method is not answered here.",
			})
		case r.URL.Path == "*" && r.Method == http.MethodOptions:
			w.WriteHeader(http.StatusNoContent)
		case !clean(r.URL.Path):
			s.refuse(w, r, upstream.Refusal{
				Status: http.StatusBadRequest, Code: "path_refused", Text: "This path cannot be answered.",
			})
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// clean reports whether a decoded path has one meaning: no control characters, and no dot segments, which browsers
// resolve themselves. A backslash counts as a slash here, because some applications take it for one.
func clean(p string) bool {
	if !strings.HasPrefix(p, "/") {
		return false
	}
	for i := range len(p) {
		if p[i] < ' ' || p[i] == 0x7f {
			return false
		}
	}
	if !strings.Contains(p, ".") {
		return true
	}
	for segment := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == '/' || r == '\\' }) {
		name, _, _ := strings.Cut(segment, ";") // a parameter of some servers: "/..;/"
		if name == "." || name == ".." {
			return false
		}
	}
	return true
}

// readings are the paths that a path may be taken for: as it is, and with runs of slashes as one.
func readings(p string) []string {
	flat := p
	if strings.Contains(p, `\`) {
		flat = strings.ReplaceAll(p, `\`, "/")
	}
	if strings.Contains(flat, "//") {
		cleaned := path.Clean(flat)
		if strings.HasSuffix(flat, "/") && cleaned != "/" {
			cleaned += "/"
		}
		flat = cleaned
	}
	if flat == p {
		return []string{p}
	}
	return []string{p, flat}
}

// redirected sends visitors of plain HTTP to HTTPS. Only a known host comes this far.
func (s *site) redirected(next http.Handler) http.Handler {
	if !s.config.RedirectHTTPS {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if visitOf(r.Context()).Proto == "https" {
			next.ServeHTTP(w, r)
			return
		}
		status := http.StatusMovedPermanently
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			status = http.StatusPermanentRedirect // a 301 would make a GET of it
		}
		w.Header().Set("Location", "https://"+hostname(r.Host)+r.URL.RequestURI())
		s.refuse(w, r, upstream.Refusal{Status: status, Code: "https", Text: "This site is read over HTTPS."})
	})
}

// limited holds requests to [[edge.limits]].
func (s *site) limited(next http.Handler) http.Handler {
	if len(s.config.Limits) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		leave, refused := s.throttle.Enter(r.Context(), throttle.Request{
			Path: readings(r.URL.Path), Method: r.Method, Addr: v.Addr, Identity: identity(s.config.Identity, r),
		})
		if leave == nil {
			s.refuse(w, r, overLimit(refused))
			return
		}
		defer leave()
		next.ServeHTTP(w, r)
	})
}

// overLimit finds the words: who asks too often is told so, who is one of too many is asked to come back.
func overLimit(refused throttle.Refused) upstream.Refusal {
	retry := max(time.Second, refused.Retry)
	if refused.Rule.By == throttle.ByRoute {
		return upstream.Refusal{
			Status: http.StatusServiceUnavailable, Code: "overload", Text: "Too many people ask for this at the moment.", Retry: retry,
		}
	}
	return upstream.Refusal{Status: http.StatusTooManyRequests, Code: "too_many_requests", Text: "You ask for this too often.", Retry: retry}
}

// identity returns the value that edge.identity names, or "".
func identity(where string, r *http.Request) string {
	kind, name, _ := strings.Cut(where, ":")
	switch kind {
	case "cookie":
		if c, err := r.Cookie(name); err == nil {
			return c.Value
		}
	case "header":
		return r.Header.Get(name)
	}
	return ""
}
