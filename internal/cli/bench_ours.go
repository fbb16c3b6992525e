package cli

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/fault"
)

// isOurs refuses to load a host that is neither this machine nor named by the configuration as the site's own.
func (a *app) isOurs(host string) error {
	if isThisMachine(host) {
		return nil
	}
	cfg, err := a.load()
	if err == nil && slices.Contains(ownHosts(cfg), strings.ToLower(host)) {
		return nil
	}
	return fault.New(fault.Denied, "not_ours", "%s is neither this machine nor a host of the configuration", host).
		WithHint("many requests to somebody else's server are an attack; name the host in edge.hosts, or ask its owner and write -anyway")
}

func isThisMachine(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsLoopback() || ip.IsUnspecified())
}

// ownHosts are the names and addresses under which the configuration expects visitors.
func ownHosts(cfg *config.Config) []string {
	own := slices.Clone(cfg.Edge.Hosts)
	listens := []string{cfg.Edge.Listen, cfg.S3.Listen, cfg.Admin.Listen}
	for _, l := range cfg.Edge.Listeners {
		listens = append(listens, l.Listen)
	}
	for _, l := range listens {
		if host, _, err := net.SplitHostPort(l); err == nil && host != "" {
			own = append(own, host)
		}
	}
	if u, err := url.Parse(cfg.Files.PublicURL); err == nil && u.Hostname() != "" {
		own = append(own, strings.ToLower(u.Hostname()))
	}
	return own
}
