package pgauth

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// What patterns hold in place of the user's name and of the user's entry.
const (
	userMark  = "$username"
	entryMark = "$dn"
)

const (
	shortestLDAP = unit.Duration(100e6) // 100ms
	longestLDAP  = unit.Duration(60e9)  // 1m
	maxLDAPConns = 100
)

func (l LDAP) validate() fault.Problems {
	var p fault.Problems
	for _, u := range l.URLs {
		l.checkURL(&p, u)
	}
	l.checkUser(&p)
	l.checkGroups(&p)
	if l.Timeout < shortestLDAP || l.Timeout > longestLDAP {
		p.Add("timeout", `"5s" is usual`, "%s is not between %s and %s", l.Timeout, shortestLDAP, longestLDAP)
	}
	if l.Recheck < 0 {
		p.Add("recheck", `"5m" is usual, 0 never looks`, "%s is less than 0", l.Recheck)
	}
	if l.MaxConnections < 1 || l.MaxConnections > maxLDAPConns {
		p.Add("max_connections", "4 is usual", "%d is not between 1 and %d", l.MaxConnections, maxLDAPConns)
	}
	return p
}

func (l LDAP) checkURL(p *fault.Problems, text string) {
	const hint = `write "ldaps://dc1.example.org", or "ldap://…" with start_tls = true`
	u, err := url.Parse(text)
	switch {
	case err != nil || u.User != nil || u.RawQuery != "" || u.Scheme != "ldapi" && (u.Hostname() == "" || strings.Trim(u.Path, "/") != ""):
		p.Add("urls", hint, "%q is not the address of a directory", text)
	case u.Scheme != "ldap" && u.Scheme != "ldaps" && u.Scheme != "ldapi":
		p.Add("urls", hint, "%q begins with neither ldaps, ldap nor ldapi", text)
	case u.Scheme == "ldap" && !l.StartTLS && !isLoopbackHost(u.Hostname()):
		p.Add("urls", hint, "%q would carry passwords in clear to another machine", text)
	}
}

func isLoopbackHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (l LDAP) checkUser(p *fault.Problems) {
	switch {
	case l.BindPattern == "" && l.SearchBase == "":
		p.Add("search_base", `write below which entry users are, as "ou=people,dc=example,dc=org"`, "neither search_base nor bind_pattern is set")
	case l.BindPattern != "" && l.SearchBase != "":
		p.Add("bind_pattern", "keep one of the two", "is set besides search_base")
	case l.BindPattern != "":
		checkPattern(p, "bind_pattern", l.BindPattern, userMark)
	default:
		checkDN(p, "search_base", l.SearchBase)
		checkFilter(p, "search_filter", l.SearchFilter, userMark)
	}
	if l.SearchDN != "" && l.SearchPassword.IsZero() {
		p.Add("search_password", "also search_password_file", "is missing, and search_dn is set")
	}
	if l.SearchDN == "" && !l.SearchPassword.IsZero() {
		p.Add("search_dn", "name whom the password belongs to", "is missing, and search_password is set")
	}
}

func (l LDAP) checkGroups(p *fault.Problems) {
	if l.GroupBase != "" {
		checkDN(p, "group_base", l.GroupBase)
		if !strings.Contains(l.GroupFilter, userMark) {
			checkFilter(p, "group_filter", l.GroupFilter, entryMark)
		}
	}
	if len(l.Groups) > 0 && l.GroupBase == "" && l.BindPattern != "" && !isDNPattern(l.BindPattern) {
		p.Add("groups", "set group_base and a group_filter with "+userMark, "cannot be found out: bind_pattern makes no name of an entry")
	}
	if l.RequireGroup && len(l.Groups) == 0 {
		p.Add("require_group", "add [[database.auth.ldap.groups]]", "is set, and there are no groups")
	}
	for _, g := range l.Groups {
		switch {
		case g.Group == "":
			p.Add("groups", `write group = "curators"`, "a group has no name")
		case strings.Contains(g.Group, "="):
			checkDN(p, "groups", g.Group)
		}
	}
}

func checkPattern(p *fault.Problems, key, text, mark string) {
	if strings.Count(text, mark) != 1 {
		p.Add(key, "write "+mark+" where it belongs", "%q does not hold %s once", text, mark)
	}
}

func checkDN(p *fault.Problems, key, text string) {
	if _, err := ldap.ParseDN(text); err != nil || text == "" {
		p.Add(key, `write it as "ou=people,dc=example,dc=org"`, "%q is not the name of an entry", text)
	}
}

func checkFilter(p *fault.Problems, key, text, mark string) {
	if _, err := ldap.CompileFilter(strings.ReplaceAll(text, mark, "x")); err != nil {
		p.Add(key, "write it in brackets, as (uid="+userMark+")", "%q is no filter: %s", text, err)
		return
	}
	if !strings.Contains(text, mark) {
		p.Add(key, "write "+mark+" where it belongs", "%q does not hold %s", text, mark)
	}
}

// hostOf returns what the certificate of a directory must be made out to, and where to connect.
func hostOf(u *url.URL) (name, address string) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[u.Scheme]
	}
	return u.Hostname(), net.JoinHostPort(u.Hostname(), port)
}
