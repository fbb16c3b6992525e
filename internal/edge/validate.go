package edge

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/upstream"
	"holdfast/internal/web"
)

// validateListeners checks addresses and certificates. Plain HTTP may be reached from outside only where all that it answers is the
// way to HTTPS.
func (c Config) validateListeners() fault.Problems {
	var p fault.Problems
	cert, key := c.TLSCert, c.TLSKey
	if cert == "" && key == "" && len(c.Certificates) > 0 {
		cert, key = c.Certificates[0].Cert, c.Certificates[0].Key
	}
	tlsListener := func(listen string) fault.Problems {
		if cert == "" && key == "" && c.ACME.Enabled {
			return addressOnly(listen) // the certificate is to come
		}
		return web.CheckListener(listen, cert, key, DefaultConfig().Listen)
	}
	p = append(p, tlsListener(c.Listen)...)
	p = append(p, c.ACME.Validate(c.names()).Under("acme")...)
	if c.HTTP3 && !c.HasTLS() {
		p.Add("http3", "set tls_cert and tls_key, or [edge.acme]", "HTTP/3 is spoken with certificates alone")
	}
	for i, x := range c.Certificates {
		if _, err := tls.LoadX509KeyPair(x.Cert, x.Key); err != nil {
			p.Add(fmt.Sprintf("certificates[%d].cert", i), "name two PEM files that belong together and that this user may read", "%v", err)
		}
	}
	for i, l := range c.Listeners {
		at := fmt.Sprintf("listeners[%d]", i)
		switch {
		case l.TLS && !c.HasTLS():
			p.Add(at+".tls", "set tls_cert and tls_key of [edge], or [edge.acme]", "there is no certificate")
		case l.TLS:
			p = append(p, tlsListener(l.Listen).Under(at)...)
		case c.RedirectHTTPS:
			p = append(p, addressOnly(l.Listen).Under(at)...)
		default:
			p = append(p, web.CheckListener(l.Listen, "", "", DefaultConfig().Listen).Under(at)...)
		}
	}
	if c.RedirectHTTPS && len(c.Hosts) == 0 {
		p.Add("redirect_https", "name the site's hosts", "without hosts anybody could have visitors sent to a host of their choice")
	}
	return p
}

// addressOnly checks the form of an address that may be public.
func addressOnly(listen string) fault.Problems {
	_, port, ok := strings.Cut(listen, ":")
	var p fault.Problems
	if i := strings.LastIndexByte(listen, ':'); ok {
		port = listen[i+1:]
	}
	if !ok || port == "" {
		p.Add("listen", `write host and port, as "0.0.0.0:80"`, "%q is not an address", listen)
	}
	return p
}

func (c Config) validateUpstreams() fault.Problems {
	p := checkServers(c.Upstreams)
	p = append(p, c.validateApps()...)
	p = append(p, c.Upstream.Validate().Under("upstream")...)
	if _, err := upstream.ParseTrust(c.TrustedProxies); err != nil {
		p.Add("trusted_proxies", `write addresses and networks, as "10.0.0.0/8", or "unix"`, "%v", err)
	}
	if _, err := networks(c.LimitsExempt); err != nil {
		p.Add("limits_exempt", `write addresses and networks, as "10.0.0.0/8"`, "%v", err)
	}
	return p
}

func (c Config) validateRules() fault.Problems {
	var p fault.Problems
	for i, r := range c.Limits {
		p = append(p, r.Validate().Under(fmt.Sprintf("limits[%d]", i))...)
	}
	if kind, name, ok := strings.Cut(c.Identity, ":"); c.Identity != "" && (!ok || name == "" || kind != "cookie" && kind != "header") {
		p.Add("identity", `write "cookie:sessionid" or "header:Authorization"`, "%q says neither", c.Identity)
	}
	for i, a := range c.Auth {
		p = append(p, a.validate(len(c.Upstreams)+len(c.Apps) > 0).Under(fmt.Sprintf("auth[%d]", i))...)
	}
	for i, a := range c.Accel {
		p = append(p, a.validate().Under(fmt.Sprintf("accel[%d]", i))...)
	}
	return p
}

func (a AuthRule) validate(app bool) fault.Problems {
	var p fault.Problems
	if !strings.HasPrefix(a.Path, "/") || !strings.HasPrefix(a.URL, "/") {
		p.Add("path", `write path = "/uploads/" and url = "/may-read"`, "path and url begin with a slash")
	}
	if !app {
		p.Add("url", "set edge.upstreams", "there is no application to ask")
	}
	for _, name := range a.Copy {
		if !isToken(name) {
			p.Add("copy", `write names of fields, as "X-User"`, "%q is none", name)
		}
	}
	return p
}

func (a Accel) validate() fault.Problems {
	var p fault.Problems
	if !strings.HasPrefix(a.Prefix, "/") || !strings.HasSuffix(a.Prefix, "/") {
		p.Add("prefix", `begin and end it with a slash, as "/protected/"`, "%q could be the beginning of another name", a.Prefix)
	}
	if a.To != ToFiles && a.To != ToAssets && a.To != ToContent {
		p.Add("to", `write "files", "assets" or "content"`, "%q is none of them", a.To)
	}
	if a.Bucket != "" && a.To != ToFiles {
		p.Add("bucket", `set to = "files"`, "only files have buckets")
	}
	return p
}

// networks reads addresses and networks.
func networks(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		out = append(out, n.Masked())
	}
	return out, nil
}
