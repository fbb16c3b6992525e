package upstream

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// TrustUnix stands in a list of trusted proxies for whoever connects through a Unix socket.
const TrustUnix = "unix"

// Trust is whose word about visitors is taken: the addresses of proxies in front of this one.
type Trust struct {
	networks []netip.Prefix
	unix     bool
}

// ParseTrust reads addresses and networks ("10.0.0.5", "10.0.0.0/8", "unix").
func ParseTrust(list []string) (Trust, error) {
	var t Trust
	for _, text := range list {
		if text == TrustUnix {
			t.unix = true
			continue
		}
		if a, err := netip.ParseAddr(text); err == nil {
			t.networks = append(t.networks, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return Trust{}, err
		}
		t.networks = append(t.networks, p.Masked())
	}
	return t, nil
}

// Holds reports whether an address is a trusted one. The zero address is a Unix socket's.
func (t Trust) Holds(a netip.Addr) bool {
	if !a.IsValid() {
		return t.unix
	}
	return slices.ContainsFunc(t.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Visitor is who asks, as far as it can be believed.
type Visitor struct {
	Addr    netip.Addr   // zero when it came through a Unix socket and nobody said more
	Via     []netip.Addr // trusted proxies between, the nearest last
	Proto   string       // "http" or "https"
	Host    string       // as the visitor wrote it, with its port
	Port    string       // that of Host, or the usual one of Proto
	Trusted bool         // the peer is a trusted proxy: its own fields about the visitor may stay
	Trace   Trace
	Shared  bool        // the answer may be given to others: no sticky cookie is set
	Extra   http.Header // fields that the front sets for the application, in place of the visitor's; nil values remove

	sticky string // of the sticky cookie, as it came
}

// Trace is what became of a request, filled in by the pool for the log.
type Trace struct {
	Server string        // the last one that was tried
	Queue  time.Duration // waiting for a server
	App    time.Duration // until the answer began
	DB     time.Duration // of it in the database, if the application tells by Server-Timing
}

// Visitor tells who sent a request. Of X-Forwarded-For the rightmost address that is not a trusted proxy's counts, because
// everything left of it may be made up.
func (t Trust) Visitor(r *http.Request) Visitor {
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	return t.Tell(peer(r.RemoteAddr), proto, r.Host, r.Header)
}

// Tell is Visitor for who has no request: of the header X-Forwarded-For, -Proto and -Host matter.
func (t Trust) Tell(from netip.Addr, proto, host string, h http.Header) Visitor {
	v := Visitor{Addr: from, Proto: proto, Host: host}
	if v.Trusted = t.Holds(v.Addr); v.Trusted {
		t.believe(&v, h)
	}
	v.Port = portOf(v.Host, v.Proto)
	return v
}

func (t Trust) believe(v *Visitor, h http.Header) {
	if p := strings.ToLower(h.Get("X-Forwarded-Proto")); p == "http" || p == "https" {
		v.Proto = p
	}
	if host := h.Get("X-Forwarded-Host"); plainHost(host) {
		v.Host = host
	}
	hops := strings.Split(strings.Join(h.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a := peer(strings.TrimSpace(hop))
		if !a.IsValid() {
			return // nobody sends this but to deceive
		}
		if v.Addr.IsValid() {
			v.Via = append([]netip.Addr{v.Addr}, v.Via...)
		}
		if v.Addr = a; !t.Holds(a) {
			return
		}
	}
}

// peer reads an address with or without its port; the zero address is none.
func peer(text string) netip.Addr {
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// plainHost reports whether a host can be handed on: no list, no path, nothing that breaks out of a header.
func plainHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`,;"\/?#@<>`, r)
	})
}

func portOf(host, proto string) string {
	if _, port, err := net.SplitHostPort(host); err == nil && port != "" {
		return port
	}
	if proto == "https" {
		return "443"
	}
	return "80"
}

func joinHostPort(host, port string) string { return net.JoinHostPort(host, port) }

// visitorKey is the key of the Visitor in a request's context.
type visitorKey struct{}

// WithVisitor returns a context that knows the visitor, for [VisitorOf].
func WithVisitor(ctx context.Context, v *Visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// VisitorOf returns the visitor that the context knows, or nil.
func VisitorOf(ctx context.Context) *Visitor {
	v, _ := ctx.Value(visitorKey{}).(*Visitor)
	return v
}
