package pgauth

import (
	"net/netip"
	"slices"
)

// Door is a place where clients come in, before anybody has come.
type Door struct {
	Socket bool       // a Unix socket
	At     netip.Addr // the address of a listener; the zero value: clients may come from anywhere
	TLS    bool       // clients can use TLS
	Secure bool       // they have to
}

// Expect returns the class of a user who comes to a database by a door, as the rules say it beforehand, and whether the user gets in as the
// role of the same name at all. Where clients can come from many addresses, the first rule that some of them match counts.
func (c Config) Expect(d Door, database, user string) (class string, ok bool) {
	settings := c.Rules
	if len(settings) == 0 {
		settings = defaultRules()
	}
	for _, s := range settings {
		set, err := newAddresses(s.Addresses)
		if err != nil || s.TLS && !d.TLS || s.NoTLS && d.Secure || !matchesName(s.Databases, database) || !matchesName(s.Users, user) {
			continue
		}
		some, all := d.meets(set)
		all = all && !(s.TLS && !d.Secure) && !(s.NoTLS && d.TLS)
		switch {
		case !some || s.methodOf() == Reject && !all:
			continue
		case s.methodOf() == Reject:
			return "", false
		}
		return s.Class, slices.Contains([]string{"", ownName, user}, s.ServerUser)
	}
	return "", false
}

// meets reports whether some of those who come by the door, and all of them, have addresses of the set.
func (d Door) meets(set addresses) (some, all bool) {
	switch {
	case d.Socket:
		some = set.contain(netip.Addr{})
		return some, some
	case d.At.IsLoopback():
		some = set.contain(d.At)
		return some, some
	}
	return set.any || set.loopback || len(set.prefixes) > 0, set.any
}
