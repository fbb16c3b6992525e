package s3wire

import (
	"errors"
	"net"
	"strings"
)

var errFormVerify = errors.New("a form is verified with VerifyForm")

// hostName is one public name of the endpoint.
type hostName struct {
	name string // without port, lower case
	port string // "" if none was given
}

// parseHosts takes configured names apart: a scheme in front and a slash behind are dropped.
func parseHosts(hosts []string) []hostName {
	var names []hostName
	for _, h := range hosts {
		if _, rest, ok := strings.Cut(h, "://"); ok {
			h = rest
		}
		name, port := splitPort(strings.TrimSuffix(h, "/"))
		if name != "" {
			names = append(names, hostName{strings.ToLower(name), port})
		}
	}
	return names
}

func splitPort(host string) (name, port string) {
	if n, p, err := net.SplitHostPort(host); err == nil {
		if strings.Contains(n, ":") {
			n = "[" + n + "]" // an IPv6 address keeps its brackets
		}
		return n, p
	}
	return host, ""
}

// BucketOf returns the bucket in a virtual-host style host ("bucket.files.example.com"), "" for path style. The longest
// configured name wins.
func (v *Verifier) BucketOf(host string) string {
	name, _ := splitPort(host)
	best := ""
	for _, n := range v.names {
		if len(n.name) <= len(best) || len(name) <= len(n.name)+1 {
			continue
		}
		at := len(name) - len(n.name)
		if name[at-1] == '.' && strings.EqualFold(name[at:], n.name) {
			best = n.name
		}
	}
	if best == "" || v.isHost(name) {
		return ""
	}
	return strings.ToLower(name[:len(name)-len(best)-1])
}

func (v *Verifier) isHost(name string) bool {
	for _, n := range v.names {
		if strings.EqualFold(n.name, name) {
			return true
		}
	}
	return false
}

// aliases returns the hosts that a signer may have signed for although the request arrived with another: what was
// received without its port, and each public name with and without port, with the bucket in front if it is there.
func (v *Verifier) aliases(host string) []string {
	received, port := splitPort(host)
	list := []string{received}
	bucket := v.BucketOf(host)
	for _, n := range v.names {
		name := n.name
		if bucket != "" {
			name = bucket + "." + name
		}
		list = append(list, name)
		for _, p := range []string{n.port, port} {
			if p != "" {
				list = append(list, name+":"+p)
			}
		}
	}
	return list
}
