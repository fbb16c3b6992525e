package pgauth

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Words among addresses and databases.
const (
	local       = "local"
	loopback    = "loopback"
	replication = "replication"
	everything  = "*"
)

// Values of Rule.Person, and the word for the client's own name in Rule.ServerUser.
const (
	proven  = "proven"
	claimed = "claimed"
	ownName = "$user"
)

// rule is a Rule that is ready to be asked.
type rule struct {
	Rule
	index     int
	method    Method
	addresses addresses
}

// newRules prepares rules, or says which address is none.
func newRules(settings []Rule) ([]rule, error) {
	rules := make([]rule, len(settings))
	for i, s := range settings {
		list, err := newAddresses(s.Addresses)
		if err != nil {
			return nil, fmt.Errorf("rules[%d]: %w", i, err)
		}
		rules[i] = rule{Rule: s, index: i, method: s.methodOf(), addresses: list}
	}
	return rules, nil
}

// methodOf returns the method, scram unless another one is set.
func (r Rule) methodOf() Method {
	if r.Method == "" {
		return SCRAM
	}
	return Method(r.Method)
}

// matches reports whether the rule decides on an attempt.
func (r *rule) matches(at Attempt) bool {
	return (at.TLS || !r.TLS) && !(at.TLS && r.NoTLS) && r.addresses.contain(at.Address) && r.matchesDatabase(at) && matchesName(r.Users, at.User)
}

func (r *rule) matchesDatabase(at Attempt) bool {
	if at.Physical {
		return slices.Contains(r.Databases, replication)
	}
	return matchesName(r.Databases, at.Database)
}

// matchesName reports whether a name is one of the list, in which "ab*" stands for all that begin with ab. The empty
// list has every name.
func matchesName(list []string, name string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(pattern string) bool {
		prefix, open := strings.CutSuffix(pattern, everything)
		return pattern == name || open && strings.HasPrefix(name, prefix)
	})
}

// isCatchAll reports whether no attempt but physical replication passes the rule by.
func (r Rule) isCatchAll() bool {
	all := func(list []string) bool { return len(list) == 0 || slices.Contains(list, everything) }
	return all(r.Databases) && all(r.Users) && len(r.Addresses) == 0 && !r.TLS && !r.NoTLS
}

// addresses is a set of addresses of clients.
type addresses struct {
	any, local, loopback bool
	prefixes             []netip.Prefix
}

func newAddresses(list []string) (addresses, error) {
	set := addresses{any: len(list) == 0}
	for _, text := range list {
		switch text {
		case local:
			set.local = true
		case loopback:
			set.loopback = true
		default:
			p, err := parsePrefix(text)
			if err != nil {
				return addresses{}, err
			}
			set.prefixes = append(set.prefixes, p)
		}
	}
	return set, nil
}

// parsePrefix reads "192.0.2.0/24" or "192.0.2.7". Bits behind the prefix are a mistake: nobody can tell what was meant.
func parsePrefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network", text)
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network written as IPv6", text)
	case p != p.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its prefix: the network is %s", text, p.Masked())
	}
	return p, nil
}

// contain reports whether a client's address is in the set; the zero Addr is a Unix socket.
func (s addresses) contain(a netip.Addr) bool {
	if !a.IsValid() {
		return s.any || s.local
	}
	a = a.Unmap().WithZone("")
	return s.any || s.loopback && a.IsLoopback() ||
		slices.ContainsFunc(s.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// isOwnMachine reports whether the set has nobody from another machine.
func (s addresses) isOwnMachine() bool {
	return !s.any && !slices.ContainsFunc(s.prefixes, func(p netip.Prefix) bool { return !isLoopbackNet(p) })
}

// isLoopbackNet reports whether all of a network is loopback: 127.0.0.0/8 (RFC 1122) or ::1.
func isLoopbackNet(p netip.Prefix) bool {
	return p.Addr().IsLoopback() && (p.Bits() >= 8 && p.Addr().Is4() || p.Bits() == 128)
}
