package throttle

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// What a rule counts by.
const (
	ByAddress  = "address"
	ByIdentity = "identity"
	ByRoute    = "route"
)

// Rule is a table [[edge.limits]].
type Rule struct {
	// Path is what the paths begin with that the limit is for: "/" is all.
	Path string `toml:"path"`
	// Methods are the methods that it is for. Default: all.
	Methods []string `toml:"methods"`
	// By says who is counted: "address" (IPv6 by /64), "identity" (the cookie or header of edge.identity, else the address),
	// or "route" (everybody together). Default "address".
	By string `toml:"by"`
	// Rate is how many requests each may make in a time: "100/s", "30/m", "500/h". Default none.
	Rate string `toml:"rate"`
	// Burst is how many may come at once before the rate counts. Default: the number in rate.
	Burst int `toml:"burst"`
	// Concurrent is how many requests of each may be under way at once. Default 0: no limit.
	Concurrent int `toml:"concurrent"`
	// Wait is how long a request above concurrent waits before it is refused. Default 0.
	Wait unit.Duration `toml:"wait"`
}

// maxWaiting is how many requests of one key wait at once.
const maxWaiting = 100

// Validate reports what is wrong with a rule.
func (r Rule) Validate() fault.Problems {
	var p fault.Problems
	if !strings.HasPrefix(r.Path, "/") {
		p.Add("path", `begin it with a slash; "/" is everything`, "%q is not a path", r.Path)
	}
	if r.By != "" && r.By != ByAddress && r.By != ByIdentity && r.By != ByRoute {
		p.Add("by", `write "address", "identity" or "route"`, "%q is none of them", r.By)
	}
	if r.Rate == "" && r.Concurrent == 0 {
		p.Add("rate", `write rate = "100/s", or concurrent = 4`, "the limit limits nothing")
	}
	if _, _, err := parseRate(r.Rate); err != nil && r.Rate != "" {
		p.Add("rate", `write "100/s", "30/m" or "500/h"`, "%v", err)
	}
	if r.Burst < 0 || r.Concurrent < 0 || r.Wait < 0 {
		p.Add("burst", "write 0 for the default", "a limit cannot be negative")
	}
	for _, m := range r.Methods {
		if m == "" || m != strings.ToUpper(m) {
			p.Add("methods", `write them in capitals, as "POST"`, "%q is not a method", m)
		}
	}
	return p
}

// parseRate reads "100/s".
func parseRate(text string) (n int, per time.Duration, err error) {
	count, span, ok := strings.Cut(text, "/")
	n, err = strconv.Atoi(strings.TrimSpace(count))
	per = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[strings.TrimSpace(span)]
	if !ok || err != nil || n < 1 || n > 1e6 || per == 0 {
		return 0, 0, fmt.Errorf("%q is not a rate", text)
	}
	return n, per, nil
}

// AddressKey returns what an address is counted as: an IPv6 address by its /64.
func AddressKey(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		p, err := a.WithZone("").Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
