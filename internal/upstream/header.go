package upstream

import (
	"net/http"
	"net/netip"
	"strings"

	"holdfast/internal/logging"
)

// isForgeable knows fields that applications and their servers take for the word of a proxy, of its maker's choice. Those
// that begin with "X-Forwarded-", and all with an underscore, are removed besides.
func isForgeable(name string) bool {
	switch name {
	case "Forwarded", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip",
		"X-Original-Forwarded-For", "X-Scheme", "X-Url-Scheme", "Front-End-Https", "X-Original-Url", "X-Rewrite-Url",
		"X-Original-Host", "X-Host", "X-Original-Uri", "X-Original-Method", "X-Ssl-Client-Cert", "X-Client-Cert", "X-Http-Host-Override":
		return true
	}
	return false
}

// isOurs knows fields that are never a visitor's to send, nor a proxy's: they steer the handing over of files (Rack::Sendfile reads
// two of them from requests), or become HTTP_PROXY in CGI.
func isOurs(name string) bool {
	switch name {
	case "X-Accel-Redirect", "X-Accel-Mapping", "X-Sendfile", "X-Sendfile-Type", "X-Lighttpd-Send-File", "X-Request-Start", "Proxy":
		return true
	}
	return false
}

// CleanHeader removes what a visitor may not say from a request's header.
func CleanHeader(h http.Header, trusted bool) {
	for name := range h {
		if refused(name, trusted) {
			delete(h, name)
		}
	}
}

// refused reports whether a visitor may not say this.
func refused(name string, trusted bool) bool {
	return strings.IndexByte(name, '_') >= 0 || isOurs(name) || !trusted && (isForgeable(name) || strings.HasPrefix(name, "X-Forwarded-"))
}

// tell sets what the application may believe about the visitor.
func (v *Visitor) tell(h http.Header, requestID string) {
	h.Del("Forwarded")
	var chain, forwarded []string
	for i, a := range append([]netip.Addr{v.Addr}, v.Via...) {
		if !a.IsValid() {
			continue
		}
		chain = append(chain, a.String())
		part := "for=" + forwardedNode(a)
		if i == 0 {
			part += ";host=" + quoted(v.Host) + ";proto=" + v.Proto
		}
		forwarded = append(forwarded, part)
	}
	if len(chain) == 0 { // a Unix socket, and nobody said more
		forwarded = []string{"for=unknown;host=" + quoted(v.Host) + ";proto=" + v.Proto}
		h.Del("X-Forwarded-For")
		h.Del("X-Real-Ip")
	} else {
		h.Set("X-Forwarded-For", strings.Join(chain, ", "))
		h.Set("X-Real-Ip", chain[0])
	}
	h.Set("X-Forwarded-Proto", v.Proto)
	h.Set("X-Forwarded-Host", v.Host)
	h.Set("X-Forwarded-Port", v.Port)
	h.Set("Forwarded", strings.Join(forwarded, ", "))
	h.Set(logging.RequestIDHeader, requestID)
	for name, values := range v.Extra {
		if delete(h, name); len(values) > 0 {
			h[name] = values
		}
	}
}

// forwardedNode writes an address as RFC 7239 section 6 wants it.
func forwardedNode(a netip.Addr) string {
	if a.Is6() {
		return `"[` + a.String() + `]"`
	}
	return a.String()
}

func quoted(text string) string {
	if strings.ContainsAny(text, `\"`) {
		text = strings.NewReplacer(`\`, ``, `"`, ``).Replace(text)
	}
	return `"` + text + `"`
}
