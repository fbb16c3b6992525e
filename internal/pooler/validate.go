package pooler

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// Validate reports every mistake in the settings; keys are relative to [database].
func (c Config) Validate() fault.Problems {
	p := c.Config.Validate()
	p = append(p, c.directProblems()...)
	if !c.Pooler {
		return p
	}
	for i, e := range c.Endpoints {
		p = append(p, e.validate().Under("endpoints["+strconv.Itoa(i)+"]")...)
	}
	for _, r := range c.Replicas {
		checkServer(&p, "replicas", r)
	}
	for name, r := range c.Routes {
		for _, h := range r.Hosts {
			checkServer(&p, "routes."+name+".hosts", h)
		}
		if r.MinSize != 0 && strings.HasSuffix(name, "*") {
			p.Add("routes."+name+".min_size", "remove it, or write a route with the whole name of the database",
				"nobody knows which databases %q stands for before somebody names one, so min_size does nothing", name)
		}
		if r.MaxSize != 0 && r.MaxSize < r.MinSize {
			p.Add("routes."+name+".max_size", "raise max_size, or lower min_size", "%d is less than min_size (%d)", r.MaxSize, r.MinSize)
		}
	}
	if c.PreparedStatements < 1 {
		p.Add("prepared_statements", "200 is usual", "%d is less than 1", c.PreparedStatements)
	}
	if c.MaxClients < 1 {
		p.Add("max_clients", "10000 is usual", "%d is less than 1", c.MaxClients)
	}
	if c.LoginTimeout <= 0 {
		p.Add("login_timeout", `"30s" is usual`, "a log-in must have a limit")
	}
	p = append(p, c.peerProblems()...)
	p = append(append(p, c.userProblems()...), c.lingerProblems()...)
	if c.Audit.Enabled {
		p = append(p, c.Audit.Validate().Under("audit")...)
	}
	return p
}

// RouteProblems reports what the TLS of routes lacks, each completed by the settings of [database]; keys are relative to that.
func (c Config) RouteProblems(db postgres.Config) fault.Problems {
	var p fault.Problems
	for name, r := range c.Routes {
		if len(r.Hosts) > 0 && c.Pooler {
			socket := strings.HasPrefix(r.Hosts[0], "/")
			if socket && r.SSLMode == "" {
				continue // what is said of [database] is not for a socket
			}
			p = append(p, r.tlsSettings(db).Validate(socket).Under("routes."+name)...)
		}
	}
	return p
}

func (c Config) peerProblems() fault.Problems {
	var p fault.Problems
	seen := map[int]bool{}
	for i, peer := range c.Peers {
		key := fmt.Sprintf("peers[%d]", i)
		if peer.ID < 1 || peer.ID > maxPeer || seen[peer.ID] {
			p.Add(key+".id", fmt.Sprintf("give each process a number of its own, 1 to %d", maxPeer), "%d is taken, or out of range", peer.ID)
		}
		seen[peer.ID] = true
		checkHost(&p, key+".address", peer.Address)
	}
	return p
}

// checkServer looks at an item of a list of servers.
func checkServer(p *fault.Problems, key, text string) {
	h, err := parseHost(text)
	if err != nil {
		p.Add(key, `write host, port and perhaps a weight, as "db2.local:5432 weight=3"`, "%v", err)
		return
	}
	checkHost(p, key, h.Address)
}

func checkHost(p *fault.Problems, key, address string) {
	if strings.HasPrefix(address, "/") {
		return
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		p.Add(key, `write host and port, as "db2.local:5432"`, "%q is not an address", address)
	}
}

func (e Endpoint) validate() fault.Problems {
	var p fault.Problems
	if e.isDirect() {
		return e.validateDirect()
	}
	oneOf(&p, "mode", e.Mode, "", ModeSession, ModeTransaction, ModeDirect)
	oneOf(&p, "target", e.Target, "", TargetPrimary, TargetReplica)
	oneOf(&p, "no_replica", e.NoReplica, "", "primary", "error")
	oneOf(&p, "tls", e.TLS, "", "disable", "allow", "require")
	if e.Username != "" || e.Class != "" {
		p.Add("mode", `set mode = "direct", or remove username and class`, "username and class are for mode \"direct\": who logs in here is told by [[database.rules]]")
	}
	e.checkListen(&p)
	e.checkTLS(&p)
	if e.MinSize < 0 || e.MaxSize < 0 || e.MaxSize != 0 && e.MaxSize < e.MinSize {
		p.Add("max_size", "raise max_size, or lower min_size", "%d is less than min_size (%d)", e.MaxSize, e.MinSize)
	}
	for _, r := range e.ProxyProtocol {
		if _, err := netip.ParsePrefix(r); err != nil {
			if _, err := netip.ParseAddr(r); err != nil {
				p.Add("proxy_protocol", `write addresses or networks, as "10.0.0.0/8"`, "%q is neither", r)
			}
		}
	}
	if e.SocketMode != "" {
		if _, err := strconv.ParseUint(e.SocketMode, 8, 12); err != nil {
			p.Add("socket_mode", `write an octal number, as "0770"`, "%q is not a mode", e.SocketMode)
		}
	}
	return p
}

func (e Endpoint) checkTLS(p *fault.Problems) {
	switch {
	case (e.TLSCert == "") != (e.TLSKey == ""):
		p.Add("tls_cert", "set both tls_cert and tls_key, or neither", "a certificate needs its key")
	case e.TLSCert == "" && e.TLS != "" && e.TLS != "disable":
		p.Add("tls", "set tls_cert and tls_key", "%q needs a certificate", e.TLS)
	case e.TLSCert != "":
		if _, _, err := (&certificates{config: e}).load(); err != nil {
			p.Add("tls_cert", "name two PEM files that belong together and that this user may read", "%v", err)
		}
	}
}

// checkListen refuses what strangers could reach without TLS (S2-28).
func (e Endpoint) checkListen(p *fault.Problems) {
	if strings.HasPrefix(e.Listen, "/") {
		return
	}
	host, port, err := net.SplitHostPort(e.Listen)
	if err != nil || port == "" {
		p.Add("listen", `write host and port, as "127.0.0.1:6432", or the path of a socket`, "%q is not an address", e.Listen)
		return
	}
	if a, err := netip.ParseAddr(host); err == nil && (a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast()) || host == "localhost" {
		return
	}
	if e.TLS != "require" {
		p.Add("listen", `set tls = "require", tls_cert and tls_key, or listen on an address of this machine or a private network`,
			"%s can be reached from anywhere, and clients need not use TLS", e.Listen)
	}
}

func oneOf(p *fault.Problems, key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.Add(key, "write one of "+strings.Join(allowed[1:], ", "), "%q is none of them", value)
	}
}
