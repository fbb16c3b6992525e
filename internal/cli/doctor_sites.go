package cli

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/exposure"
	"holdfast/internal/upstream"
)

// maxSites bounds the hosts and servers that are asked.
const maxSites = 12

// add puts a site on the list, once, if there is room.
func (p *exposurePlan) add(s exposure.Site) {
	switch same := func(x exposure.Site) bool { return x.Base == s.Base && x.Address == s.Address }; {
	case slices.ContainsFunc(p.options.Sites, same):
	case len(p.options.Sites) >= maxSites && s.Address != "": // who was named by --url is always asked
		p.remarks = append(p.remarks, fmt.Sprintf("%s was left out: there are more than %d sites; ask it with --url", s.Name, maxSites))
	default:
		p.options.Sites = append(p.options.Sites, s)
	}
}

// edge asks each host at the edge's own address, as it is reached from this machine.
func (p *exposurePlan) edge(cfg *config.Config, at string) {
	network, address, scheme := whereFromHere(at)
	if address == "" {
		return
	}
	type place struct{ host, path string }
	var places []place
	hosts := cfg.Edge.Hosts
	if len(hosts) == 0 {
		hosts = []string{"localhost"}
	}
	for _, h := range hosts {
		places = append(places, place{h, "/"})
	}
	for _, a := range cfg.Edge.Apps {
		own := a.Hosts
		if len(own) == 0 {
			own = hosts
		}
		for _, h := range own {
			places = append(places, place{h, cmp.Or(a.Path, "/")})
		}
	}
	if len(cfg.Edge.Hosts) > 0 && cfg.Edge.FilesHost != "" {
		places = append(places, place{cfg.Edge.FilesHost, "/"})
	}
	for _, x := range places {
		name := "edge, host " + x.host
		if x.path != "/" {
			name += ", " + x.path
		}
		p.add(exposure.Site{
			Name: name, Base: url.URL{Scheme: scheme, Host: x.host, Path: strings.TrimSuffix(x.path, "/") + "/"},
			Network: network, Address: address, Reach: exposure.Visitors,
		})
	}
}

// upstreams asks the application's servers themselves.
func (p *exposurePlan) upstreams(cfg *config.Config) {
	host := "localhost"
	if len(cfg.Edge.Hosts) > 0 {
		host = cfg.Edge.Hosts[0]
	}
	p.servers(cfg.Edge.Upstreams, host, "/")
	for _, a := range cfg.Edge.Apps {
		own := host
		if len(a.Hosts) > 0 {
			own = a.Hosts[0]
		}
		p.servers(a.Upstreams, own, cmp.Or(a.Path, "/"))
	}
}

func (p *exposurePlan) servers(addresses []string, host, path string) {
	for _, text := range addresses {
		s, err := upstream.ParseServer(text)
		if err != nil {
			continue // check says so
		}
		reach := exposure.Network
		if s.Network == "unix" || isLoopback(s.Address) {
			reach = exposure.Machine
		}
		p.add(exposure.Site{
			Name: "server " + s.ID, Base: url.URL{Scheme: s.Scheme, Host: host, Path: strings.TrimSuffix(path, "/") + "/"},
			Network: s.Network, Address: s.Address, Reach: reach,
		})
	}
}

func (p *exposurePlan) s3(at string) {
	network, address, scheme := whereFromHere(at)
	if address == "" {
		return
	}
	host := address
	if network == "unix" {
		host = "localhost"
	}
	p.options.S3 = &exposure.Site{Name: "S3 endpoint", Base: url.URL{Scheme: scheme, Host: host, Path: "/"}, Network: network, Address: address}
}

// whereFromHere returns how this machine reaches a listener of ours: at every address means at its own.
func whereFromHere(at string) (network, address, scheme string) {
	scheme, rest, ok := strings.Cut(at, "://")
	if !ok {
		return "", "", ""
	}
	if path, ok := strings.CutPrefix(strings.TrimPrefix(rest, "unix:"), "/"); ok {
		return "unix", "/" + path, scheme
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		return "", "", ""
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "127.0.0.1"
		if err == nil && a.Is6() {
			host = "::1"
		}
	}
	return "tcp", net.JoinHostPort(host, port), scheme
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
