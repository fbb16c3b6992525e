package pgauth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Bounds of the settings.
const (
	shortestTTL = unit.Duration(1e9)      // 1s
	longestTTL  = unit.Duration(3600e9)   // 1h
	longestWait = unit.Duration(86_400e9) // 1d
)

// Validate reports every mistake in the log-in settings; keys are relative to [database].
func (c Config) Validate() fault.Problems {
	p := c.Auth.validate().Under("auth")
	usesLDAP, closed := false, -1
	for i, r := range c.Rules {
		key := fmt.Sprintf("rules[%d]", i)
		p = append(p, r.validate().Under(key)...)
		usesLDAP = usesLDAP || r.methodOf() == LDAPBind
		if closed >= 0 && !slices.Contains(r.Databases, replication) {
			p.Add(key, "move it before that rule, or remove it", "is never reached: rules[%d] decides on everybody", closed)
		}
		if closed < 0 && r.isCatchAll() {
			closed = i
		}
	}
	if usesLDAP && len(c.Auth.LDAP.URLs) == 0 {
		p.Add("auth.ldap.urls", `write where the directory is, as ["ldaps://dc1.example.org"]`, "is missing, and a rule uses the method ldap")
	}
	if len(c.Auth.LDAP.URLs) > 0 {
		p = append(p, c.Auth.LDAP.validate().Under("auth.ldap")...)
	}
	return p
}

func (r Rule) validate() fault.Problems {
	var p fault.Problems
	checkNames(&p, "databases", r.Databases)
	checkNames(&p, "users", r.Users)
	list, err := newAddresses(r.Addresses)
	if err != nil {
		p.Add("addresses", `write "192.0.2.0/24", "192.0.2.7", "local" or "loopback"`, "%s", err)
		list = addresses{local: true}
	}
	r.checkMethod(&p, list)
	if r.NoTLS && (r.TLS || slices.Contains([]Method{Cert, SCRAMPlus}, r.methodOf())) {
		p.Add("no_tls", "remove it, or write tls = false and another method", "nobody is outside TLS and inside it: the rule matches nobody")
	}
	if r.Person != "" && r.Person != proven && r.Person != claimed {
		p.Add("person", `write "proven" or "claimed"`, "%q is not known", r.Person)
	}
	return p
}

func (r Rule) checkMethod(p *fault.Problems, from addresses) {
	m := r.methodOf()
	switch {
	case m == "md5":
		p.Add("method", `write "scram"; a server that still keeps md5 passwords needs them set anew`, "md5 is not offered: it can be replayed and cracked")
	case m == "password" || m == "plain":
		p.Add("method", `write "scram", or "ldap" for a directory`, "a password in clear is asked for only to be checked by a directory")
	case !m.isKnown():
		p.Add("method", "write one of "+methodList(), "%q is not known", r.Method)
	case m == Trust && !from.isOwnMachine():
		p.Add("method", `add addresses = ["local", "loopback"], or another method`, "trust lets anybody in who can reach the address")
	case m == Peer && (from.any || from.loopback || len(from.prefixes) > 0):
		p.Add("method", `add addresses = ["local"]`, "peer works by Unix socket only")
	}
	if len(r.Identities) > 0 && m != Peer && m != Cert {
		p.Add("identities", "remove it, or use the method peer or cert", "has no meaning for the method %s", m)
	}
	if r.ServerUser == "" && m.isKnown() && m != Reject && !m.hasKeys() {
		p.Add("server_user", `name the role that the server session is to belong to; "$user" is the client's own name`,
			"is missing: %s leaves no key that would open the server", m)
	}
}

func methodList() string {
	var names []string
	for _, m := range Methods() {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

func checkNames(p *fault.Problems, key string, names []string) {
	for _, n := range names {
		if body := strings.TrimSuffix(n, everything); n == "" || strings.ContainsAny(body, "*\x00") {
			p.Add(key, "write a name, or its beginning and *", "%q is no name", n)
		}
	}
}

func (a Auth) validate() fault.Problems {
	var p fault.Problems
	if a.QueryTTL < shortestTTL || a.QueryTTL > longestTTL {
		p.Add("query_ttl", `"10s" is usual`, "%s is not between %s and %s", a.QueryTTL, shortestTTL, longestTTL)
	}
	if a.Query != "" && a.Query != builtIn && !strings.Contains(a.Query, "$1") {
		p.Add("query", `write "holdfast", or a statement with $1 in place of the user's name`, "%q does not ask for a user", a.Query)
	}
	if a.MaxFailures < 0 {
		p.Add("max_failures", "5 is usual, 0 imposes no waiting", "%d is negative", a.MaxFailures)
	}
	if a.FailureWait < 0 || a.FailureWait > longestWait {
		p.Add("failure_wait", `"1m" is usual`, "%s is not between 0s and %s", a.FailureWait, longestWait)
	}
	for _, name := range slices.Sorted(maps.Keys(a.ServerUsers)) {
		if name == "" || name == ownName {
			p.Add("server_users", "write [database.auth.server_users.ROLE]", "%q is no role", name)
		}
	}
	return p
}
