package upstream

import (
	"net/http"
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
		if Removes(name, trusted) {
			delete(h, name)
		}
	}
}

// Removes reports whether CleanHeader removes a field of that name, which is in canonical form.
func Removes(name string, trusted bool) bool {
	return strings.IndexByte(name, '_') >= 0 || isOurs(name) || !trusted && (isForgeable(name) || strings.HasPrefix(name, "X-Forwarded-"))
}

// told is room for the values that tell sets, so that each is no allocation of its own.
type told [8][1]string

// tell sets what the application may believe about the visitor.
func (v *Visitor) tell(h http.Header, requestID string, room *told) {
	n := 0
	set := func(name, value string) {
		room[n][0] = value
		h[name] = room[n][:]
		n++
	}
	chain, forwarded := v.chain()
	if chain == "" { // a Unix socket, and nobody said more
		delete(h, "X-Forwarded-For")
		delete(h, "X-Real-Ip")
	} else {
		first, _, _ := strings.Cut(chain, ",")
		set("X-Forwarded-For", chain)
		set("X-Real-Ip", first)
	}
	set("X-Forwarded-Proto", v.Proto)
	set("X-Forwarded-Host", v.Host)
	set("X-Forwarded-Port", v.Port)
	set("Forwarded", forwarded)
	set(logging.RequestIDHeader, requestID)
	for name, values := range v.Extra {
		if delete(h, name); len(values) > 0 {
			h[name] = values
		}
	}
}

// chain is the visitor and the proxies between, as X-Forwarded-For and Forwarded tell it; the first is "" if nobody is known.
func (v *Visitor) chain() (addresses, forwarded string) {
	about := ";host=" + quoted(v.Host) + ";proto=" + v.Proto
	for i := -1; i < len(v.Via); i++ {
		a := v.Addr
		if i >= 0 {
			a = v.Via[i]
		}
		if !a.IsValid() {
			continue
		}
		if addresses != "" {
			addresses, forwarded = addresses+", ", forwarded+", "
		}
		text := a.String()
		addresses += text
		if a.Is6() {
			text = `"[` + text + `]"` // RFC 7239 section 6
		}
		if forwarded += "for=" + text; i < 0 {
			forwarded += about
		}
	}
	if addresses == "" {
		forwarded = "for=unknown" + about
	}
	return addresses, forwarded
}

func quoted(text string) string {
	if strings.ContainsAny(text, `\"`) {
		text = strings.NewReplacer(`\`, ``, `"`, ``).Replace(text)
	}
	return `"` + text + `"`
}
