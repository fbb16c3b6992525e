package edge

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/internal/certs"
	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
	"holdfast/internal/upstream"
	"holdfast/internal/web"
)

// Config is the table [edge]: the HTTP front for visitors.
type Config struct {
	// Listen is the address of the edge. Default "127.0.0.1:8000".
	Listen string `toml:"listen"`
	// Hosts are the names that visitors use. Empty: any name is answered.
	Hosts []string `toml:"hosts"`
	// FilesHost is the host of files.public_url where it is none of Hosts: what Holdfast has itself is answered there, and the
	// application is not. Package config sets it.
	FilesHost string `toml:"-"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not loopback or private.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// Certificates are further pairs, for other hosts.
	Certificates []Certificate `toml:"certificates"`
	// ACME gets certificates from an authority such as Let's Encrypt.
	ACME certs.Config `toml:"acme"`
	// HTTP3 speaks HTTP/3 beside HTTPS, on UDP ports of the same numbers. Default false.
	HTTP3 bool `toml:"http3"`
	// Listeners are further addresses.
	Listeners []Listener `toml:"listeners"`
	// RedirectHTTPS answers plain HTTP with a redirect to HTTPS. Default false.
	RedirectHTTPS bool `toml:"redirect_https"`
	// Upstreams are the application's servers, which get what Holdfast does not answer itself: "http://127.0.0.1:5000",
	// "https://app.internal", "unix:/run/app.sock". Default none.
	Upstreams []string `toml:"upstreams"`
	// Upstream says how they are treated.
	Upstream upstream.Config `toml:"upstream"`
	// Apps are other applications, for some hosts or paths.
	Apps []App `toml:"apps"`
	// TrustedProxies are addresses and networks of proxies in front of Holdfast, and "unix", whose word about visitors is
	// taken (X-Forwarded-For, -Proto, -Host). Default none.
	TrustedProxies []string `toml:"trusted_proxies"`
	// Headers are what every answer carries.
	Headers Headers `toml:"headers"`
	// Limits bound what one visitor, or all, may ask for.
	Limits []throttle.Rule `toml:"limits"`
	// LimitsExempt are addresses and networks that limits do not count. Default none.
	LimitsExempt []string `toml:"limits_exempt"`
	// Identity says what tells people apart for limits by identity: "cookie:sessionid" or "header:Authorization". Default
	// none.
	Identity string `toml:"identity"`
	// Auth are paths that the application is asked about first.
	Auth []AuthRule `toml:"auth"`
	// Accel are what X-Accel-Redirect and X-Sendfile of the application may lead to.
	Accel []Accel `toml:"accel"`
	// Cache keeps answers of the application for others.
	Cache httpcache.Config `toml:"cache"`
	// Slow is how long a visitor may wait for the application's answer to begin before the request is written to the log, with what
	// it waited for. Default 1s; 0: never.
	Slow unit.Duration `toml:"slow"`
	// AccessLog is a file that gets a line of JSON for each request, or "stdout". Default none.
	AccessLog string `toml:"access_log"`
}

// Certificate is a table [[edge.certificates]].
type Certificate struct {
	// Cert is a PEM file with a certificate and its chain.
	Cert string `toml:"cert"`
	// Key is a PEM file with its key.
	Key string `toml:"key"`
}

// Listener is a table [[edge.listeners]].
type Listener struct {
	// Listen is the address.
	Listen string `toml:"listen"`
	// TLS uses the certificates of the edge. Default false.
	TLS bool `toml:"tls"`
}

// Headers is the table [edge.headers]. What the application sets itself counts; "" sends none.
type Headers struct {
	// HSTS is how long browsers shall insist on HTTPS, sent over HTTPS only; 0 sends none. Default 365d.
	HSTS unit.Duration `toml:"hsts"`
	// HSTSSubdomains extends that to all names below. Default false.
	HSTSSubdomains bool `toml:"hsts_subdomains"`
	// ContentTypeOptions is X-Content-Type-Options. Default "nosniff".
	ContentTypeOptions string `toml:"content_type_options"`
	// ReferrerPolicy is Referrer-Policy. Default "strict-origin-when-cross-origin", with which CSRF checks that look at the
	// referrer work; answers of Holdfast's own say "no-referrer".
	ReferrerPolicy string `toml:"referrer_policy"`
	// FrameOptions is X-Frame-Options. Default "SAMEORIGIN".
	FrameOptions string `toml:"frame_options"`
	// PermissionsPolicy is Permissions-Policy. Default "browsing-topics=(), payment=(), usb=()".
	PermissionsPolicy string `toml:"permissions_policy"`
	// ContentSecurityPolicy is Content-Security-Policy. Default none: it has to fit the application's pages.
	ContentSecurityPolicy string `toml:"content_security_policy"`
}

// AuthRule is a table [[edge.auth]].
type AuthRule struct {
	// Path is what the paths begin with that are guarded.
	Path string `toml:"path"`
	// URL is the path at the application that is asked by GET, with the visitor's cookies: 2xx lets the request pass, 401,
	// 403 and redirects are the answer.
	URL string `toml:"url"`
	// Cache is how long an answer counts for the same path, cookies and address. Default 0.
	Cache unit.Duration `toml:"cache"`
	// Copy are fields of the answer that the application gets with the request; a visitor's own are removed everywhere.
	Copy []string `toml:"copy"`
}

// Accel is a table [[edge.accel]].
type Accel struct {
	// Prefix is what the application's X-Accel-Redirect, or its X-Sendfile, begins with.
	Prefix string `toml:"prefix"`
	// To is where the rest leads: "files" (a key in bucket), "assets" (a logical or hashed name), "content" (source/revision/path).
	To string `toml:"to"`
	// Bucket is the bucket of "files". Default none: the rest begins with it.
	Bucket string `toml:"bucket"`
	// Under is put before the rest. Default none.
	Under string `toml:"under"`
}

// DefaultConfig returns a front that only this machine can reach.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8000", Slow: unit.Duration(time.Second), ACME: certs.DefaultConfig(), Upstream: upstream.DefaultConfig(), Cache: httpcache.DefaultConfig(),
		Headers: Headers{
			HSTS: unit.Duration(365 * 24 * time.Hour), ContentTypeOptions: "nosniff", ReferrerPolicy: "strict-origin-when-cross-origin",
			FrameOptions: "SAMEORIGIN", PermissionsPolicy: "browsing-topics=(), payment=(), usb=()",
		},
	}
}

// HasTLS reports whether the edge has certificates, or gets them.
func (c Config) HasTLS() bool { return c.TLSCert != "" || len(c.Certificates) > 0 || c.ACME.Enabled }

// HasPlain reports whether plain HTTP is answered somewhere.
func (c Config) HasPlain() bool {
	return !c.HasTLS() || slices.ContainsFunc(c.Listeners, func(l Listener) bool { return !l.TLS })
}

// Validate reports every mistake in the table [edge]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	p := c.validateListeners()
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/: \t*@?#") || h != strings.ToLower(h) {
			p.Add("hosts", `write bare names in lower case, as "school.example.com"`, "%q is not a host name", h)
		}
	}
	p = append(p, c.validateUpstreams()...)
	p = append(p, c.validateRules()...)
	p = append(p, c.Cache.Validate().Under("cache")...)
	return append(p, c.Headers.validate().Under("headers")...)
}

// pairs are the certificates for the server: the first is tls_cert.
func (c Config) pairs() []web.Pair {
	var all []web.Pair
	if c.TLSCert != "" {
		all = append(all, web.Pair{Cert: c.TLSCert, Key: c.TLSKey})
	}
	for _, x := range c.Certificates {
		all = append(all, web.Pair{Cert: x.Cert, Key: x.Key})
	}
	return all
}

func (h Headers) validate() fault.Problems {
	var p fault.Problems
	for key, value := range map[string]string{
		"content_type_options": h.ContentTypeOptions, "referrer_policy": h.ReferrerPolicy, "frame_options": h.FrameOptions,
		"permissions_policy": h.PermissionsPolicy, "content_security_policy": h.ContentSecurityPolicy,
	} {
		if strings.ContainsAny(value, "\r\n\x00") {
			p.Add(key, "write it in one line", "a header cannot hold a line end")
		}
	}
	if h.HSTS < 0 {
		p.Add("hsts", `write "365d", or 0 for none`, "%s is no time", h.HSTS)
	}
	return p
}

// isToken reports whether text can name a header field.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}_`, r)
	}) && http.CanonicalHeaderKey(text) != ""
}
